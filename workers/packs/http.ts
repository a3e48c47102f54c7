/** Requests of the packs worker: with an end, a limit and a plain reason when they fail. */
import { EngineError } from '../errors.ts';

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

export interface Body {
  readonly response: Response;
  /** Bytes as they come. Throws RequestError when the connection breaks or nothing comes for `stallMs`. */
  readonly chunks: AsyncGenerator<Uint8Array, void, void>;
  /** Ends the request; needed unless `chunks` was read to its end. */
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
  const arm = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      stalled = true;
      stop();
    }, stallMs);
  };
  const end = () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  };
  const reason = (cause: unknown) => {
    end();
    if (signal.aborted) return new EngineError('cancelled');
    if (cause instanceof RequestError) return cause;
    return new RequestError(stalled ? `no data for ${Math.round(stallMs / 1000)} s` : messageOf(cause), true);
  };
  // A read that was under way when its request ended does not settle everywhere; with this it does.
  const ended = new Promise<never>((_, reject) => {
    abort.signal.addEventListener('abort', () => reject(new Error('the request was ended')), { once: true });
  });
  ended.catch(() => undefined);
  arm();
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
  const { body } = response;
  async function* chunks(): AsyncGenerator<Uint8Array, void, void> {
    const reader = body?.getReader();
    const read = () => Promise.race([reader?.read(), ended]);
    try {
      for (let part = await read(); part && !part.done; part = await read()) {
        arm();
        yield part.value;
      }
    } catch (cause) {
      throw reason(cause);
    } finally {
      end();
    }
  }
  return {
    response,
    chunks: chunks(),
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
  const { chunks, stop } = await request(url, {}, stallMs, signal);
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of chunks) {
      parts.push(part);
      length += part.byteLength;
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
