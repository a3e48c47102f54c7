/**
 * Which instances' weights are held, under a byte budget: the longest unused are dropped first and loaded again from
 * the store when they are needed. The budget is a cap that the person sets, never found out by filling memory.
 */
export interface Held {
  readonly bytes: number;
  /** Frees what is held. */
  dispose(): void;
}

export class Residency<T extends Held> {
  readonly #budget: number;
  /** In order of last use, the longest unused first. */
  readonly #held = new Map<string, T>();
  #bytes = 0;

  constructor(budget: number) {
    this.#budget = budget;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get ids(): string[] {
    return [...this.#held.keys()];
  }

  /**
   * What is held under `id`; made by `load` where it is not, after making room for `bytes`. One instance is always
   * allowed, even over the budget: without it nothing would run.
   */
  async use(id: string, bytes: number, load: () => Promise<T>): Promise<T> {
    const known = this.#held.get(id);
    if (known) {
      this.#held.delete(id);
      this.#held.set(id, known);
      return known;
    }
    this.shrinkTo(Math.max(0, this.#budget - bytes));
    const made = await load();
    this.#held.set(id, made);
    this.#bytes += made.bytes;
    return made;
  }

  /** Drops what is held under `id`, if anything. */
  drop(id: string): void {
    const held = this.#held.get(id);
    if (!held) return;
    this.#held.delete(id);
    this.#bytes -= held.bytes;
    held.dispose();
  }

  /** Drops the longest unused until at most `bytes` are held. */
  shrinkTo(bytes: number): void {
    for (const id of this.#held.keys()) {
      if (this.#bytes <= bytes) return;
      this.drop(id);
    }
  }
}
