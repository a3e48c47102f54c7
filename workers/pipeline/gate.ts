/** Holds a job between two graph calls: pausing. */
export class Gate {
  #closed: Promise<void> | null = null;
  #release: () => void = () => undefined;
  readonly #onHeld: () => Promise<void>;

  /** @param onHeld called when a job has come to stand: nothing runs, so memory can be given back */
  constructor(onHeld: () => Promise<void> = async () => undefined) {
    this.#onHeld = onHeld;
  }

  get closed(): boolean {
    return this.#closed !== null;
  }

  close(): void {
    this.#closed ??= new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  open(): void {
    this.#closed = null;
    this.#release();
  }

  /** Answers at once while the gate is open, else when it opens. */
  async pass(): Promise<void> {
    while (this.#closed) {
      const closed = this.#closed;
      await this.#onHeld();
      await closed;
    }
  }
}
