/** Requests of the packs worker: with an end, a limit and a plain reason when they fail. */
import { EngineError } from '../errors.ts';
import { ByteReader, Memory } from './byte-reader.ts';

/** What went wrong with one request. `again` tells whether another try can help. */
export class RequestError extends Error {
  readonly again: boolean;
  /** HTTP status; 0 when there was no answer, or not all of it. */
  readonly status: number;
  /** The server's wish, in ms. */
  readonly afterMs: number;
  constructor(message: string, again: boolean, status = 0, afterMs = 0) {
    super(message);
    this.again = again;
    this.status = status;
    this.afterMs = afterMs;
  }
}

/** Statuses that come and go; everything else stays what it is. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

const SMALL_READ = 64 * 1024;

export interface Body {
  readonly response: Response;
  /**
   * Reads what comes next to `at`, at most `limit` bytes, and answers how many: 0 at the end.
   * Throws RequestError when the connection breaks or nothing comes for `stallMs`, EngineError 'cancelled'.
   */
  readonly read: (memory: Memory, at: number, limit: number) => Promise<number>;
  /** Ends the request; always needed. */
  readonly stop: () => void;
}

/**
 * Opens a request. No cookies for other origins, and no copies in the HTTP cache: the bytes would lie on this machine twice.
 *
 * @throws RequestError, EngineError 'cancelled' and 'host-blocked'
 */
export async function request(
  url: string,
  headers: Record<string, string>,
  stallMs: number,
  signal: AbortSignal,
): Promise<Body> {
  const abort = new AbortController();
  const stop = () => abort.abort();
  if (signal.aborted) throw new EngineError('cancelled');
  signal.addEventListener('abort', stop, { once: true });
  let stalled = false;
  let timer = 0 as unknown as ReturnType<typeof setTimeout>;
  let alive = performance.now();
  // One timer a request, which looks how long ago anything happened: one for each read would cost more than the read.
  const watch = () => {
    const idle = performance.now() - alive;
    stalled = idle >= stallMs;
    if (stalled) stop();
    else timer = setTimeout(watch, stallMs - idle);
  };
  const end = () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  };
  const reason = (cause: unknown) => {
    end();
    if (signal.aborted) return new EngineError('cancelled');
    return new RequestError(stalled ? `no data for ${Math.round(stallMs / 1000)} s` : messageOf(cause), true);
  };
  timer = setTimeout(watch, stallMs);
  let response: Response;
  try {
    response = await fetch(url, { headers, signal: abort.signal, cache: 'no-store', credentials: 'same-origin' });
  } catch (cause) {
    if (await blocked(url)) {
      end();
      throw new EngineError('host-blocked', `the policy of this page forbids ${url}`, { host: new URL(url).origin });
    }
    throw reason(cause);
  }
  if (!response.ok) {
    stop();
    end();
    const wait = Number(response.headers.get('retry-after'));
    const afterMs = Number.isFinite(wait) && wait > 0 ? Math.min(wait, 60) * 1000 : 0;
    throw new RequestError(`HTTP ${response.status}`, PASSING.has(response.status), response.status, afterMs);
  }
  const reader = response.body ? new ByteReader(response.body) : null;
  // A read that was under way when its request ended does not settle everywhere; with this it does. (A race with one promise
  // for all reads would keep every chunk until the request is over.)
  let give: (cause: Error) => void = () => undefined;
  abort.signal.addEventListener('abort', () => give(new Error('the request was ended')), { once: true });
  const read: Body['read'] = (memory, at, limit) =>
    new Promise((resolve, reject) => {
      const fail = (cause: unknown) => reject(reason(cause));
      if (abort.signal.aborted) return fail(new Error('the request was ended'));
      give = fail;
      alive = performance.now();
      (reader?.read(memory, at, limit) ?? Promise.resolve(0)).then((bytes) => {
        alive = performance.now();
        resolve(bytes);
      }, fail);
    });
  return {
    response,
    read,
    stop: () => {
      end();
      stop();
    },
  };
}

/** A small file as a whole. @throws RequestError also when it is longer than `limit`, EngineError 'cancelled', 'host-blocked' */
export async function fetchSmall(
  url: string,
  limit: number,
  stallMs: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const { read, stop } = await request(url, {}, stallMs, signal);
  const memory = new Memory(SMALL_READ);
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (let got = await read(memory, 0, SMALL_READ); got > 0; got = await read(memory, 0, SMALL_READ)) {
      parts.push(memory.view(0, got).slice());
      length += got;
      if (length > limit) throw new RequestError(`${url} is longer than ${limit} bytes`, false);
    }
  } finally {
    stop();
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

/**
 * Whether the content security policy stopped a request: fetch itself only says "failed". Browsers tell of it with an event
 * in the worker, a moment later.
 */
const violations = new Set<string>();
globalThis.addEventListener?.('securitypolicyviolation', (event) => {
  if ('blockedURI' in event && typeof event.blockedURI === 'string') violations.add(event.blockedURI);
});

async function blocked(url: string): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  const { origin } = new URL(url);
  for (const uri of violations) {
    if (URL.canParse(uri) && new URL(uri).origin === origin) {
      violations.clear();
      return true;
    }
  }
  return false;
}

const messageOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));
