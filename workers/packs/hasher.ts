/**
 * SHA-256 of pieces on a thread of its own: browsers compute it on the thread that asks (Chromium takes 1.5 ms a MB for that), and
 * the thread that asks here has to read answers and write files meanwhile.
 */
import { type Remote, transfer, wrap } from 'comlink';
import type { Memory } from './byte-reader.ts';
import { sha256Hex } from './store.ts';

export interface HashApi {
  ready(): Promise<boolean>;
  /** Of the first `bytes`. The buffer moves there and comes back. */
  hash(buffer: ArrayBuffer, bytes: number): Promise<{ hex: string; buffer: ArrayBuffer }>;
}

/** Less than this is hashed sooner than it is sent. */
const SMALL = 256 * 1024;

export class Hasher {
  readonly #worker: Worker | null;
  /** Set once the thread runs. Until then, and where it can't be had, everything is hashed here. */
  #api: Remote<HashApi> | null = null;

  constructor() {
    // Node, where the same code runs in tests and tools, has no such threads.
    this.#worker =
      typeof Worker === 'undefined'
        ? null
        : new Worker(new URL('../hash.worker.ts', import.meta.url), { type: 'module' });
    if (!this.#worker) return;
    const api = wrap<HashApi>(this.#worker);
    void api.ready().then(() => {
      this.#api = api;
    });
  }

  /** Lower-case hex of the first `bytes` of `memory`, whose views end with this call. */
  async hex(memory: Memory, bytes: number): Promise<string> {
    if (!this.#api || bytes < SMALL) return sha256Hex(memory.view(0, bytes));
    const { buffer, loan } = memory.lend();
    // A structured clone would be a copy: what is marked with `transfer` moves.
    const hashed = await this.#api.hash(transfer(buffer, [buffer]), bytes);
    memory.giveBack(hashed.buffer, loan);
    return hashed.hex;
  }

  /** Ends the thread; nothing may be under way. */
  close(): void {
    this.#api = null;
    this.#worker?.terminate();
  }
}
