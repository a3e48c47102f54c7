/**
 * Gets the missing pieces of a pack from its server: several ranges at a time, in any order, each verified as it lands.
 * A server that answers 200 to Range is read from the start of the file on, and what is there already is passed over.
 */
import { EngineError } from '../errors.ts';
import { Memory } from './byte-reader.ts';
import { type Body, RequestError, request } from './http.ts';
import { PIECE_BYTES } from './manifest.ts';
import { type PlannedFile, pieceRange } from './pack-plan.ts';
import type { PackWriter, Piece } from './pack-writer.ts';
import { online, pauseMs, sleep } from './retry.ts';

export interface DownloadOptions {
  readonly parallel: number;
  readonly stallMs: number;
  readonly retryMs: number;
  readonly tries: number;
}

export const DOWNLOAD_DEFAULTS: DownloadOptions = { parallel: 4, stallMs: 20_000, retryMs: 500, tries: 9 };

/** A piece that comes wrong so many times is wrong at the server. */
const WRONG_TRIES = 3;

export interface DownloadEvents {
  /** Bytes of requests in flight; those of verified pieces are the writer's. */
  onBytes(inFlight: number): void;
  /** The network went away, or came back. */
  onWaiting(waiting: boolean): void;
}

/** What is known of one file at the server. */
interface Remote {
  /** Strong ETag, where it can be read. Sent back as If-Range to the page's own origin only: elsewhere it needs a preflight. */
  etag: string | null;
  /** Somebody reads the whole file: its other pieces are theirs. */
  streamed: boolean;
}

export class Download {
  readonly #writer: PackWriter;
  readonly #base: string;
  readonly #options: DownloadOptions;
  readonly #events: DownloadEvents;
  readonly #signal: AbortSignal;
  readonly #queue: Piece[];
  readonly #remotes = new Map<string, Remote>();
  readonly #tries = new Map<string, number>();
  readonly #wrong = new Map<string, number>();
  /** Bytes in flight of each worker. */
  readonly #flight: number[] = [];
  /** The server answered 200 to Range. */
  #noRanges = false;
  readonly #stop = new AbortController();
  #failure: unknown;
  /** There is no network; the first byte that comes ends that. */
  #waiting = false;
  /** What the writer had at the last failure. */
  #doneBefore = 0;
  /** Workers that have a piece in their hands. */
  #active = 0;

  /** @param base folder of the pack at the server, ending in "/" */
  constructor(writer: PackWriter, base: string, options: DownloadOptions, events: DownloadEvents, signal: AbortSignal) {
    this.#writer = writer;
    this.#base = base;
    this.#options = options;
    this.#events = events;
    this.#signal = this.#stop.signal;
    if (signal.aborted) this.#stop.abort();
    signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
    this.#queue = writer.missing();
  }

  /**
   * Resolves when no piece is missing.
   *
   * @throws EngineError 'cancelled', 'pack-unreachable', 'pack-missing', 'pack-damaged', 'storage-full', 'host-blocked'
   */
  async run(): Promise<void> {
    const workers = Array.from({ length: this.#options.parallel }, async (_, index) => {
      // One byte more than a piece, to see answers that are too long.
      const buffer = new Memory(PIECE_BYTES + 1);
      try {
        await this.#work(index, buffer);
      } catch (error) {
        // The first failure ends the others; theirs would only say that they were ended.
        this.#failure ??= error;
        this.#stop.abort();
      }
    });
    await Promise.all(workers);
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #work(index: number, buffer: Memory): Promise<void> {
    for (;;) {
      if (this.#signal.aborted) throw new EngineError('cancelled');
      const next = this.#next();
      if (next === 'later') {
        await sleep(50, this.#signal);
        continue;
      }
      if (next === null) return;
      this.#active += 1;
      try {
        await this.#attempt(index, next, buffer);
      } finally {
        this.#active -= 1;
        this.#inFlight(index, 0);
      }
    }
  }

  /** A piece to get now; `later` while the rest is in others' hands and may come back. */
  #next(): Piece | 'later' | null {
    const at = this.#queue.findIndex(({ file }) => !this.#remote(file).streamed);
    if (at >= 0) return this.#queue.splice(at, 1)[0] ?? null;
    return this.#queue.length > 0 || this.#active > 0 ? 'later' : null;
  }

  async #attempt(index: number, task: Piece, buffer: Memory): Promise<void> {
    const { file, piece } = task;
    if (this.#writer.has(file, piece)) return;
    const id = `${file.key} ${piece}`;
    try {
      if (await this.#fetch(index, task, buffer)) return;
      const wrong = (this.#wrong.get(id) ?? 0) + 1;
      this.#wrong.set(id, wrong);
      this.#remote(file).etag = null;
      if (wrong >= WRONG_TRIES) throw wrongPiece(file, piece);
      this.#queue.push(task);
      await sleep(pauseMs(this.#options.retryMs, wrong), this.#signal);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.#queue.push(task);
      await this.#failed(file, id, error);
    }
  }

  /** Waits before the piece may be tried again. @throws EngineError when that makes no sense */
  async #failed(file: PlannedFile, id: string, error: RequestError): Promise<void> {
    const values = { host: new URL(this.#base).host, file: file.name };
    // The file is shorter than the manifest says.
    if (error.status === 416) throw wrongPiece(file, 0);
    if (!error.again) throw new EngineError('pack-missing', `${file.name}: ${error.message}`, values);
    if (globalThis.navigator?.onLine === false) {
      this.#setWaiting(true);
      return online(this.#signal);
    }
    // While anything comes, nobody gives up.
    if (this.#writer.done > this.#doneBefore) this.#tries.clear();
    this.#doneBefore = this.#writer.done;
    const tries = (this.#tries.get(id) ?? 0) + 1;
    this.#tries.set(id, tries);
    if (tries >= this.#options.tries)
      throw new EngineError('pack-unreachable', `${file.name}: ${error.message}`, values);
    await sleep(Math.max(error.afterMs, pauseMs(this.#options.retryMs, tries)), this.#signal);
  }

  /** Answers false when a whole answer came and a piece in it was not what the manifest says. */
  async #fetch(index: number, { file, piece }: Piece, buffer: Memory): Promise<boolean> {
    const { at, bytes } = pieceRange(file, piece);
    const remote = this.#remote(file);
    const whole = file.pieces.length === 1 || this.#noRanges;
    const headers: Record<string, string> = whole ? {} : { range: `bytes=${at}-${at + bytes - 1}` };
    if (!whole && remote.etag !== null) headers['if-range'] = remote.etag;
    const url = new URL(file.name, this.#base).href;
    const { response, read, stop } = await request(url, headers, this.#options.stallMs, this.#signal);
    let streaming = false;
    try {
      if (response.status === 206 && !whole) {
        if (sameOrigin(this.#base)) remote.etag = strong(response.headers.get('etag'));
        let got = 0;
        for (let more = 1; more > 0; got += more) {
          if (got > bytes) return false;
          more = await read(buffer, got, bytes + 1 - got);
          this.#inFlight(index, got + more);
        }
        if (got < bytes) throw new RequestError(`the answer ended after ${got} of ${bytes} bytes`, true);
        return await this.#writer.put(file, piece, buffer);
      }
      if (response.status !== 200) throw new RequestError(`HTTP ${response.status}`, false, response.status);
      // With If-Range, 200 says that the file changed. Its pieces tell whether that matters.
      if (remote.etag === null && !whole) this.#noRanges = true;
      remote.etag = null;
      if (remote.streamed) {
        this.#queue.push({ file, piece });
        return true;
      }
      streaming = true;
      remote.streamed = file.pieces.length > 1;
      return await this.#stream(index, file, buffer, read);
    } finally {
      stop();
      if (streaming) remote.streamed = false;
    }
  }

  /** Reads a file from its start and takes the pieces that are missing. */
  async #stream(index: number, file: PlannedFile, buffer: Memory, read: Body['read']): Promise<boolean> {
    let good = true;
    for (let piece = 0; piece < file.pieces.length; piece++) {
      const { bytes } = pieceRange(file, piece);
      for (let got = 0; got < bytes; ) {
        const more = await read(buffer, got, bytes - got);
        if (more === 0) throw new RequestError(`${file.name} ended in piece ${piece}`, true);
        got += more;
        if (!this.#writer.has(file, piece)) this.#inFlight(index, got);
      }
      if (!this.#writer.has(file, piece)) good = (await this.#writer.put(file, piece, buffer)) && good;
      this.#inFlight(index, 0);
    }
    return (await read(buffer, 0, 1)) === 0 && good;
  }

  #remote(file: PlannedFile): Remote {
    const known = this.#remotes.get(file.key) ?? { etag: null, streamed: false };
    this.#remotes.set(file.key, known);
    return known;
  }

  #setWaiting(waiting: boolean): void {
    if (this.#waiting === waiting) return;
    this.#waiting = waiting;
    this.#events.onWaiting(waiting);
  }

  #inFlight(index: number, bytes: number): void {
    if (bytes > 0) this.#setWaiting(false);
    this.#flight[index] = bytes;
    this.#events.onBytes(this.#flight.reduce((sum, each) => sum + (each ?? 0), 0));
  }
}

const strong = (etag: string | null) => (etag?.startsWith('"') ? etag : null);
const sameOrigin = (url: string) => globalThis.location?.origin === new URL(url).origin;

function wrongPiece(file: PlannedFile, piece: number): EngineError {
  const values = { file: file.name, piece };
  return new EngineError(
    'pack-damaged',
    `piece ${piece} of ${file.name} at the server is not what its manifest says`,
    values,
  );
}
