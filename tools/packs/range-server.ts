/** A file server for tests that can be as bad as servers and networks are. */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';

export interface Asked {
  readonly name: string;
  /** First and last byte; null without a Range header. */
  readonly range: readonly [number, number] | null;
  /** How often this was asked for before, with the same range. */
  readonly before: number;
  readonly ifRange: string | null;
}

/** What the server does to one answer. */
export interface Fault {
  /** Answers 200 with the whole file, as servers without ranges do. */
  ignoreRange?: boolean;
  status?: number;
  headers?: Record<string, string>;
  /** Turns bytes of the answer over, from this offset in it on. */
  corruptAt?: number;
  /** The connection breaks after so many bytes. */
  cutAfter?: number;
  /** A whole answer, with a length that fits, but so much shorter. */
  shortBy?: number;
  /** Nothing more comes after so many bytes, and the connection stays open. */
  stallAfter?: number;
  /** Bytes a second. */
  throttle?: number;
}

export type Behaviour = (asked: Asked) => Fault | undefined;

const CHUNK = 64 * 1024;

export class RangeServer {
  readonly asked: Asked[] = [];
  behave: Behaviour = () => undefined;
  etag: (name: string) => string | null = (name) => `"${name}"`;
  /** Bytes a second of all answers together, as if they came through one line. */
  line = Number.POSITIVE_INFINITY;
  /** When the line is free again, in ms. */
  #free = 0;
  /** Other origins may read what is here, with its ETag. */
  readonly #server: Server;
  readonly #counts = new Map<string, number>();
  folder: string;
  /**
   * The first folder of all addresses. With another one for each test, a request that the test before had given up on and that
   * comes late is none of this one's.
   */
  scope = '';

  private constructor(folder: string) {
    this.folder = folder;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(folder: string, port = 0): Promise<RangeServer> {
    const server = new RangeServer(folder);
    await server.listen(port);
    return server;
  }

  listen(port = 0): Promise<void> {
    return new Promise((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/${this.scope}`;
  }

  /** Names that were asked for, without repeats. */
  get names(): string[] {
    return [...new Set(this.asked.map(({ name }) => name))];
  }

  reset(): void {
    this.asked.length = 0;
    this.#counts.clear();
    this.behave = () => undefined;
  }

  /** Ends connections that are open as well. */
  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await gone;
  }

  /** Resolves when so many bytes are through the line. */
  async #through(bytes: number): Promise<void> {
    const now = performance.now();
    this.#free = Math.max(this.#free, now) + (bytes / this.line) * 1000;
    // Timers are late by a millisecond or more: what a line catches up on is less than that.
    if (this.#free - now > 2) await new Promise((resolve) => setTimeout(resolve, this.#free - now));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const address = new URL(request.url ?? '/', 'http://x').pathname;
    if (!address.startsWith(`/${this.scope}`)) {
      response.writeHead(404).end();
      return;
    }
    const name = basename(address);
    const cors = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'etag, content-range' };
    if (request.method === 'OPTIONS') {
      response.writeHead(204, { ...cors, 'access-control-allow-headers': '*' }).end();
      return;
    }
    const path = join(this.folder, name);
    const found = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const range = found ? ([Number(found[1]), Number(found[2])] as const) : null;
    const key = `${name} ${range ?? ''}`;
    const before = this.#counts.get(key) ?? 0;
    this.#counts.set(key, before + 1);
    const ifRange = typeof request.headers['if-range'] === 'string' ? request.headers['if-range'] : null;
    const asked: Asked = { name, range, before, ifRange };
    this.asked.push(asked);
    const fault = this.behave(asked) ?? {};
    if (fault.status !== undefined) {
      response.writeHead(fault.status, { ...cors, ...fault.headers }).end();
      return;
    }
    if (!existsSync(path)) {
      response.writeHead(404, cors).end();
      return;
    }
    const size = statSync(path).size;
    const etag = this.etag(name);
    const changed = ifRange !== null && ifRange !== etag;
    const partial = range !== null && !fault.ignoreRange && !changed;
    const start = partial ? range[0] : 0;
    if (start >= size) {
      response.writeHead(416, cors).end();
      return;
    }
    const end = (partial ? Math.min(range[1] + 1, size) : size) - (fault.shortBy ?? 0);
    response.writeHead(partial ? 206 : 200, {
      ...cors,
      'cross-origin-resource-policy': 'cross-origin',
      'content-type': 'application/octet-stream',
      'content-length': String(end - start),
      ...(etag === null ? {} : { etag }),
      ...(partial ? { 'content-range': `bytes ${start}-${end - 1}/${size}` } : {}),
      ...fault.headers,
    });
    await send(response, path, start, end, fault, (bytes) => this.#through(bytes));
  }
}

async function send(
  response: ServerResponse,
  path: string,
  start: number,
  end: number,
  fault: Fault,
  through: (bytes: number) => Promise<void>,
): Promise<void> {
  const file = openSync(path, 'r');
  const began = performance.now();
  try {
    for (let at = start; at < end; ) {
      const chunk = Buffer.alloc(Math.min(CHUNK, end - at));
      readSync(file, chunk, 0, chunk.length, at);
      const sent = at - start;
      if (fault.corruptAt !== undefined && sent + chunk.length > fault.corruptAt) {
        const from = Math.max(0, fault.corruptAt - sent);
        chunk[from] = ~(chunk[from] ?? 0) & 0xff;
        fault = { ...fault, corruptAt: Number.POSITIVE_INFINITY };
      }
      if (fault.cutAfter !== undefined && sent >= fault.cutAfter) return void response.destroy();
      if (fault.stallAfter !== undefined && sent >= fault.stallAfter) {
        await new Promise((resolve) => response.once('close', resolve));
        return;
      }
      await through(chunk.length);
      if (!response.write(chunk)) await drained(response);
      if (response.destroyed) return;
      at += chunk.length;
      if (fault.throttle) {
        const due = ((at - start) / fault.throttle) * 1000 - (performance.now() - began);
        if (due > 0) await new Promise((resolve) => setTimeout(resolve, due));
      }
    }
    response.end();
  } finally {
    closeSync(file);
  }
}

/** Resolves when more may be written, or never can be. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      response.off('drain', settle).off('close', settle);
      resolve();
    };
    response.on('drain', settle).on('close', settle);
    if (response.destroyed) settle();
  });
}
