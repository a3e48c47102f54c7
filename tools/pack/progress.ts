/** Lines of progress: how much is done, how fast, and how long it still takes. Pure but for the clock that is passed in. */

/** The speed that is shown is that of the last half minute. */
const WINDOW_SECONDS = 30;
const LINE_SECONDS = 5;
/** Nothing is said about the time left before this. */
const PATIENCE_SECONDS = 10;
/** How many seconds the time left may grow in a second: a stall doesn't read like hours, a slow disk shows all the same. */
const GROWTH = 3;

interface Sample {
  readonly at: number;
  readonly done: number;
}

export class Progress {
  private readonly total: number;
  private readonly log: (line: string) => void;
  private done: number;
  /** The first is that of the first finished job: how long threads take to start says nothing about the rest. */
  private first: Sample | null = null;
  private recent: Sample[] = [];
  private shown: Sample | null = null;
  private printed = 0;

  /**
   * @param total bytes of all the work
   * @param done bytes that an earlier run did
   */
  constructor(total: number, done: number, log: (line: string) => void) {
    this.total = total;
    this.done = done;
    this.log = log;
  }

  /** Counts bytes as done, and logs a line now and then. `now` in seconds. */
  add(bytes: number, now: number): void {
    this.done += bytes;
    const sample = { at: now, done: this.done };
    if (this.first === null) {
      this.first = sample;
      this.printed = now;
    }
    if (now - (this.recent.at(-1)?.at ?? Number.NEGATIVE_INFINITY) >= 1) this.recent.push(sample);
    while (now - (this.recent[0]?.at ?? now) > WINDOW_SECONDS && this.recent.length > 2) this.recent.shift();
    if (now - this.printed < LINE_SECONDS) return;
    this.printed = now;
    this.log(this.line(now));
  }

  private speedSince(sample: Sample | null | undefined, now: number): number {
    return !sample || now <= sample.at ? 0 : (this.done - sample.done) / (now - sample.at);
  }

  /**
   * Seconds left, or null while too little is known. By half what the speed has been on the whole and half what it is now; it
   * grows slowly where that gets worse.
   */
  left(now: number): number | null {
    if (this.first === null || now - this.first.at < PATIENCE_SECONDS) return null;
    const speed = 0.5 * this.speedSince(this.first, now) + 0.5 * this.speedSince(this.recent[0], now);
    if (speed === 0) return null;
    const rest = this.total - this.done;
    const limit = this.shown === null ? Number.POSITIVE_INFINITY : this.shown.done + GROWTH * (now - this.shown.at);
    this.shown = { at: now, done: Math.min(rest / speed, limit) };
    return this.shown.done;
  }

  line(now: number): string {
    const left = this.left(now);
    const parts = [
      `${((100 * this.done) / this.total).toFixed(1)} %`,
      `${(this.done / 1e9).toFixed(2)} of ${(this.total / 1e9).toFixed(2)} GB`,
      `${(this.speedSince(this.recent[0], now) / 1e6).toFixed(0)} MB/s`,
    ];
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
