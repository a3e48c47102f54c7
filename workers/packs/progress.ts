/** Bytes, rate and time left of something that takes a while. */
export interface Measured {
  done: number;
  total: number;
  /** Bytes a second over the last seconds; null until there is something to tell. */
  rate: number | null;
  secondsLeft: number | null;
}

const WINDOW_MS = 8_000;
const LEAST_MS = 500;

/** `done` never falls, also when bytes that had come already must come again. */
export class Progress {
  readonly #now: () => number;
  #total = 0;
  #done = 0;
  /** Oldest first. */
  #samples: { at: number; done: number }[] = [];

  /** @param now ms, for tests */
  constructor(total: number, now: () => number = () => performance.now()) {
    this.#total = total;
    this.#now = now;
  }

  /** Starts at `done`: what was there before does not count as fast. */
  begin(done: number): void {
    this.#done = Math.max(this.#done, done);
    this.#samples = [{ at: this.#now(), done: this.#done }];
  }

  update(done: number): Measured {
    this.#done = Math.min(this.#total, Math.max(this.#done, done));
    const at = this.#now();
    this.#samples.push({ at, done: this.#done });
    while (this.#samples.length > 2 && (this.#samples[1]?.at ?? at) <= at - WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0];
    const ms = first ? at - first.at : 0;
    const rate = first && ms >= LEAST_MS ? ((this.#done - first.done) / ms) * 1000 : null;
    const left = this.#total - this.#done;
    return { done: this.#done, total: this.#total, rate, secondsLeft: rate ? left / rate : null };
  }
}
