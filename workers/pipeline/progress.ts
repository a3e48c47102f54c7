/**
 * How far a job is and how long it still takes, from the calls that are planned and the times that were measured.
 * Nothing is assumed about the machine: until the first call is measured there is no estimate of time.
 */

/** Planned calls of one kind (a graph at one size). */
export interface PlannedCalls {
  readonly count: number;
  /** Expected cost relative to the other kinds; only used until the kind is measured. */
  readonly weight: number;
}

/** Share of the planned cost whose kinds must have been measured before a time is named. */
const KNOWN_SHARE = 0.05;

interface Kind {
  planned: number;
  weight: number;
  done: number;
  /** Mean over calls, without the first once there are more: it pays for compiling shaders. */
  mean: number;
  measured: number;
}

export class ProgressMeter {
  readonly #kinds = new Map<string, Kind>();
  #base = 0;
  #shown = 0;

  /**
   * Sets what is left to do. Called again after a change of plan (a smaller tile): calls done so far are forgotten,
   * measured times are not, as a kind's key says its size. The fraction goes on from where it was.
   */
  plan(calls: ReadonlyMap<string, PlannedCalls>): void {
    this.#base = this.#shown;
    for (const kind of this.#kinds.values()) {
      kind.planned = 0;
      kind.done = 0;
    }
    for (const [key, { count, weight }] of calls) {
      const kind = this.#kind(key, weight);
      kind.planned = count;
      kind.weight = weight;
    }
  }

  /** One call of a kind took `milliseconds`. Calls that were not planned count as well. */
  done(key: string, milliseconds: number): void {
    const kind = this.#kind(key, 1);
    kind.done++;
    kind.planned = Math.max(kind.planned, kind.done);
    kind.measured++;
    // The second sample replaces the first, later ones are averaged in.
    const samples = Math.max(1, kind.measured - 1);
    kind.mean += (milliseconds - kind.mean) / samples;
  }

  /** A planned call of a kind is not made. */
  skipped(key: string): void {
    const kind = this.#kind(key, 1);
    kind.planned = Math.max(kind.done, kind.planned - 1);
  }

  /** 0 to 1. Never falls, not even when the plan changes. */
  fraction(): number {
    const { done, left } = this.#cost();
    const now = done + left > 0 ? done / (done + left) : 0;
    this.#shown = Math.min(1, Math.max(this.#shown, this.#base + (1 - this.#base) * now));
    return this.#shown;
  }

  /** Milliseconds until the last planned call is done, or null before enough kinds of call were measured to say. */
  millisecondsLeft(): number | null {
    let known = 0;
    let all = 0;
    for (const { planned, weight, measured } of this.#kinds.values()) {
      all += planned * weight;
      if (measured > 0) known += planned * weight;
    }
    return all > 0 && known / all >= KNOWN_SHARE ? this.#cost().left : null;
  }

  #kind(key: string, weight: number): Kind {
    let kind = this.#kinds.get(key);
    if (!kind) {
      kind = { planned: 0, weight, done: 0, mean: 0, measured: 0 };
      this.#kinds.set(key, kind);
    }
    return kind;
  }

  /** Kinds without a measurement cost their weight times what a unit of weight cost so far. */
  #cost(): { done: number; left: number } {
    let weight = 0;
    let time = 0;
    for (const kind of this.#kinds.values()) {
      if (kind.measured === 0) continue;
      weight += kind.weight;
      time += kind.mean;
    }
    const unit = weight > 0 && time > 0 ? time / weight : 1;
    let done = 0;
    let left = 0;
    for (const kind of this.#kinds.values()) {
      const cost = kind.measured > 0 ? kind.mean : kind.weight * unit;
      done += cost * kind.done;
      left += cost * (kind.planned - kind.done);
    }
    return { done, left };
  }
}
