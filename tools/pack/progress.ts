/** Lines of progress: how much is done, how fast, and how long it still takes. Pure but for the clock that is passed in. */

const SMOOTHING_SECONDS = 20;
/** A line every so often. */
const LINE_SECONDS = 5;
/** How much longer than a moment ago the shown time may get in a second of waiting. */
const GROWTH = 1;

export class Progress {
  private readonly total: number;
  private readonly log: (line: string) => void;
  private done: number;
  private last: number;
  private readonly started: number;
  private readonly startedAt: number;
  private speed = 0;
  private shown: number | null = null;
  private shownAt: number;

  /**
   * @param total bytes of all the work
   * @param done bytes that an earlier run did
   * @param now seconds
   */
  constructor(total: number, done: number, now: number, log: (line: string) => void) {
    this.total = total;
    this.done = done;
    this.started = done;
    this.startedAt = now;
    this.last = now;
    this.shownAt = now;
    this.log = log;
  }

  /** Seconds left; never much more than the last answer, so that a short stall doesn't read like hours. */
  left(now: number): number | null {
    const elapsed = now - this.startedAt;
    if (elapsed <= 0 || this.done === this.started) return null;
    const mean = (this.done - this.started) / elapsed;
    // Half what it has been on the whole, half what it is now.
    const estimate = (this.total - this.done) / (0.5 * mean + 0.5 * (this.speed || mean));
    const limit = this.shown === null ? Number.POSITIVE_INFINITY : this.shown + GROWTH * (now - this.shownAt);
    this.shown = Math.min(estimate, limit);
    this.shownAt = now;
    return this.shown;
  }

  add(bytes: number, now: number): void {
    const seconds = now - this.last;
    this.done += bytes;
    this.pending += bytes;
    if (seconds < 0.5) return;
    const share = 1 - Math.exp(-seconds / SMOOTHING_SECONDS);
    this.speed = this.speed === 0 ? this.pending / seconds : this.speed + share * (this.pending / seconds - this.speed);
    this.pending = 0;
    this.last = now;
    if (now - this.printed < LINE_SECONDS) return;
    this.printed = now;
    this.log(this.line(now));
  }
  private pending = 0;
  private printed = 0;

  line(now: number): string {
    const left = this.left(now);
    const parts = [`${((100 * this.done) / this.total).toFixed(1)} %`, `${(this.done / 1e9).toFixed(2)} GB read`];
    if (this.speed > 0) parts.push(`${(this.speed / 1e6).toFixed(0)} MB/s`);
    if (left !== null) parts.push(`${duration(left)} left`);
    return parts.join(', ');
  }
}

/** "50 s", "4 min", "2 h 5 min" */
export function duration(seconds: number): string {
  if (seconds < 59.5) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
