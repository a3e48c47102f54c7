/**
 * Files that are kept on this machine: pack shards, graphs, the one onnxruntime wasm that this browser uses.
 * Each is downloaded once, checked by SHA-256 where the hash is known, and read from Cache Storage from then on,
 * so that the app works offline and a replaced worker starts without the network.
 */
import { EngineError } from '../errors.ts';
import type { FileCache } from './file-cache.ts';

export interface StoreOptions {
  /** Null where the browser has no Cache Storage (private windows of some browsers): files live in memory only. */
  cache: FileCache | null;
  fetch?: (url: string, init?: RequestInit) => Promise<Response>;
}

export interface FetchOptions {
  /** Lower-case hex. Without it the bytes are trusted as they come. */
  sha256?: string | undefined;
  /** Told the bytes that came over the network so far, and how many there will be (0: not known). Silent for stored files. */
  onBytes?: ((received: number, total: number) => void) | undefined;
}

export class Store {
  /** Set once something could not be stored: the job goes on from memory, but the next visit downloads again. */
  full: EngineError | null = null;
  readonly #cache: FileCache | null;
  readonly #fetch: (url: string, init?: RequestInit) => Promise<Response>;
  readonly #memory = new Map<string, Uint8Array<ArrayBuffer>>();
  /** URLs whose stored bytes were checked since this store was made: hashing again would only cost time. */
  readonly #checked = new Set<string>();
  readonly #underWay = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

  constructor(options: StoreOptions) {
    this.#cache = options.cache;
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init));
  }

  /**
   * The bytes behind `url`: stored ones where they are there and intact, else from the network.
   * A stored file that fails its hash is deleted and fetched again, alone.
   *
   * @throws EngineError 'pack-missing' when it is neither stored nor to be had, 'pack-damaged' when a fresh download
   *   fails its hash
   */
  fetchStored(url: string, options: FetchOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const waiting = this.#underWay.get(url);
    if (waiting) return waiting;
    const work = this.#fetchStored(url, options).finally(() => this.#underWay.delete(url));
    this.#underWay.set(url, work);
    return work;
  }

  /** Makes sure that `url` is stored, without reading it where it is. Answers whether it was there already. */
  async ensure(url: string, options: FetchOptions = {}): Promise<boolean> {
    if (this.#memory.has(url) || (await this.#cache?.has(url))) return true;
    await this.fetchStored(url, options);
    return false;
  }

  /**
   * The newest version of a small file (a manifest): from the network, and from the store when offline.
   *
   * @throws EngineError 'pack-missing' when it is neither
   */
  async fetchFresh(url: string): Promise<Uint8Array<ArrayBuffer>> {
    try {
      const bytes = await this.#download(url, { cache: 'no-cache' });
      await this.#keep(url, bytes);
      return bytes;
    } catch (error) {
      const stored = this.#memory.get(url) ?? (await this.#cache?.get(url));
      if (stored) return stored;
      throw error;
    }
  }

  /** Deletes stored files whose URL starts with `prefix` and is not in `keep`: what an older version left. */
  async prune(prefix: string, keep: ReadonlySet<string>): Promise<void> {
    for (const url of (await this.#cache?.urls()) ?? []) {
      if (url.startsWith(prefix) && !keep.has(url)) await this.#forget(url);
    }
  }

  /** Deletes one stored file, e.g. because its content turned out to be no good. */
  async drop(url: string): Promise<void> {
    this.#memory.delete(url);
    await this.#forget(url);
  }

  /** Deletes everything that is stored. */
  async clear(): Promise<void> {
    this.#memory.clear();
    this.#checked.clear();
    await this.#cache?.clear();
  }

  async #fetchStored(url: string, { sha256, onBytes }: FetchOptions): Promise<Uint8Array<ArrayBuffer>> {
    const held = this.#memory.get(url);
    if (held) return held;
    const stored = await this.#cache?.get(url);
    if (stored) {
      if (sha256 === undefined || this.#checked.has(url) || (await sha256Hex(stored)) === sha256) {
        this.#checked.add(url);
        return stored;
      }
      await this.#forget(url);
    }
    // A copy in the HTTP cache would be the same bytes twice on this machine, and maybe the damaged ones.
    const bytes = await this.#download(url, { cache: 'no-store' }, onBytes);
    if (sha256 !== undefined && (await sha256Hex(bytes)) !== sha256) {
      throw new EngineError('pack-damaged', `${url} does not match its SHA-256`, { file: nameOf(url) });
    }
    await this.#keep(url, bytes);
    this.#checked.add(url);
    return bytes;
  }

  async #download(url: string, init: RequestInit, onBytes?: FetchOptions['onBytes']): Promise<Uint8Array<ArrayBuffer>> {
    let response: Response;
    try {
      response = await this.#fetch(url, init);
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      return await readAll(response, onBytes);
    } catch (cause) {
      throw new EngineError('pack-missing', `${url}: ${messageOf(cause)}`, { file: nameOf(url) });
    }
  }

  async #keep(url: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      if (!this.#cache) throw new Error('no Cache Storage');
      await this.#cache.put(url, bytes);
    } catch (cause) {
      this.#memory.set(url, bytes);
      this.full ??= new EngineError('storage-full', messageOf(cause), { file: nameOf(url), bytes: bytes.byteLength });
    }
  }

  async #forget(url: string): Promise<void> {
    this.#checked.delete(url);
    await this.#cache?.delete(url);
  }
}

/** SHA-256 as lower-case hex. */
export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function readAll(response: Response, onBytes?: FetchOptions['onBytes']): Promise<Uint8Array<ArrayBuffer>> {
  if (!onBytes || !response.body) return new Uint8Array(await response.arrayBuffer());
  const parts: Uint8Array[] = [];
  let received = 0;
  const total = Number(response.headers.get('content-length') ?? 0);
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    received += part.value.byteLength;
    onBytes(received, total);
  }
  const whole = new Uint8Array(received);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

const nameOf = (url: string) => url.slice(url.lastIndexOf('/') + 1);
const messageOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));
