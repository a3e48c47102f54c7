/**
 * Hashing and writing of pieces on a thread of their own, for browsers compute SHA-256 on the thread that asks (Chromium takes
 * 1.4 ms a MB for that), writing and flushing wait for the disk, and the thread that asks here has to read answers meanwhile.
 */
import { type Remote, transfer, wrap } from 'comlink';
import type { Memory } from './byte-reader.ts';
import type { PieceFiles } from './piece-files.ts';

/** As `PieceFiles`, which says what each does. */
export interface PieceApi {
  /** False where the thread has no file system of its own. */
  ready(): Promise<boolean>;
  reserve(path: string, bytes: number): Promise<void>;
  /** The buffer moves there and comes back. */
  put(
    path: string,
    at: number,
    buffer: ArrayBuffer,
    bytes: number,
    sha256: string,
  ): Promise<{ good: boolean; buffer: ArrayBuffer }>;
  read(path: string, at: number, bytes: number): Promise<Uint8Array<ArrayBuffer>>;
  flush(): Promise<void>;
  close(): Promise<void>;
}

export class PieceThread implements PieceFiles {
  readonly #worker: Worker;
  readonly #api: Remote<PieceApi>;

  private constructor(worker: Worker, api: Remote<PieceApi>) {
    this.#worker = worker;
    this.#api = api;
  }

  /** Null where it can't be had, as in Node, where the same code runs in tests and tools. */
  static async start(): Promise<PieceThread | null> {
    if (typeof Worker === 'undefined') return null;
    const worker = new Worker(new URL('../pieces.worker.ts', import.meta.url), { type: 'module' });
    const api = wrap<PieceApi>(worker);
    const failed = new Promise<false>((resolve) => worker.addEventListener('error', () => resolve(false)));
    if (await Promise.race([api.ready(), failed])) return new PieceThread(worker, api);
    worker.terminate();
    return null;
  }

  reserve(path: string, bytes: number): Promise<void> {
    return this.#api.reserve(path, bytes);
  }

  async put(path: string, at: number, memory: Memory, bytes: number, sha256: string): Promise<boolean> {
    const { buffer, loan } = memory.lend();
    // A structured clone would be a copy: what is marked with `transfer` moves.
    const answer = await this.#api.put(path, at, transfer(buffer, [buffer]), bytes, sha256);
    memory.giveBack(answer.buffer, loan);
    return answer.good;
  }

  read(path: string, at: number, bytes: number): Promise<Uint8Array<ArrayBuffer>> {
    return this.#api.read(path, at, bytes);
  }

  flush(): Promise<void> {
    return this.#api.flush();
  }

  async close(): Promise<void> {
    try {
      await this.#api.close();
    } finally {
      this.#worker.terminate();
    }
  }
}
