/** One ORT session a graph variant, made on first use and kept: live sessions hold the device's compiled shaders. */
import type { InferenceSession } from 'onnxruntime-web';

export type MakeSession = (file: string) => Promise<InferenceSession>;

/** Not safe against calls at the same time: the caller holds the ORT mutex. */
export class Sessions {
  readonly #make: MakeSession;
  readonly #live = new Map<string, InferenceSession>();

  constructor(make: MakeSession) {
    this.#make = make;
  }

  get count(): number {
    return this.#live.size;
  }

  async get(file: string): Promise<InferenceSession> {
    const known = this.#live.get(file);
    if (known) return known;
    const made = await this.#make(file);
    this.#live.set(file, made);
    return made;
  }

  /**
   * Lets a session go. Needed after every failed `run()`: with bound inputs such a session silently uses the old
   * feeds again.
   */
  async drop(file: string): Promise<void> {
    const session = this.#live.get(file);
    this.#live.delete(file);
    await session?.release().catch(() => undefined);
  }

  async releaseAll(): Promise<void> {
    for (const file of [...this.#live.keys()]) await this.drop(file);
  }

  /** Forgets the sessions without calling ORT: after a lost device the asyncify build hangs in its next call. */
  abandon(): void {
    this.#live.clear();
  }
}
