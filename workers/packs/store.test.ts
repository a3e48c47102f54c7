import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FileCache } from './file-cache.ts';
import { Store, sha256Hex } from './store.ts';

/** A cache on a Map with a quota: the store's logic runs against it as against Cache Storage. */
class MapCache implements FileCache {
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  quota = Number.POSITIVE_INFINITY;
  async has(url: string) {
    return this.files.has(url);
  }
  async get(url: string) {
    return this.files.get(url)?.slice() ?? null;
  }
  async put(url: string, bytes: Uint8Array<ArrayBuffer>) {
    if (bytes.byteLength > this.quota) throw new DOMException('full', 'QuotaExceededError');
    this.files.set(url, bytes.slice());
  }
  async delete(url: string) {
    this.files.delete(url);
  }
  async urls() {
    return [...this.files.keys()];
  }
  async clear() {
    this.files.clear();
  }
}

const served: Record<string, Buffer> = {
  '/a.bin': Buffer.from(Uint8Array.from({ length: 70_000 }, (_, i) => i % 251)),
  '/b.bin': Buffer.from('another file'),
  '/manifest.json': Buffer.from('{"v":1}'),
};
const hashOf = (path: string) =>
  createHash('sha256')
    .update(served[path] ?? '')
    .digest('hex');
const requests: string[] = [];
let server: Server;
let base = '';

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url ?? '';
    requests.push(path);
    const body = served[path];
    response.writeHead(body ? 200 : 404).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  requests.length = 0;
});

describe('Store', () => {
  it('downloads once, also when asked twice at the same time and by a second store on the same cache', async () => {
    const cache = new MapCache();
    const store = new Store({ cache });
    const url = `${base}/a.bin`;
    const received: number[] = [];
    const options = { sha256: hashOf('/a.bin'), onBytes: (bytes: number) => received.push(bytes) };
    const [first, second] = await Promise.all([store.fetchStored(url, options), store.fetchStored(url, options)]);
    expect(Buffer.from(first).equals(served['/a.bin'] ?? Buffer.alloc(0))).toBe(true);
    expect(second).toBe(first);
    expect(received.at(-1)).toBe(70_000);
    await new Store({ cache }).fetchStored(url, options);
    expect(await store.ensure(url, options)).toBe(true);
    expect(requests).toEqual(['/a.bin']);
  });

  it('works offline from what is stored, and says pack-missing for what is not', async () => {
    const cache = new MapCache();
    await new Store({ cache }).fetchStored(`${base}/b.bin`);
    const offline = new Store({ cache, fetch: () => Promise.reject(new TypeError('offline')) });
    expect(new TextDecoder().decode(await offline.fetchStored(`${base}/b.bin`))).toBe('another file');
    await expect(offline.fetchStored(`${base}/a.bin`)).rejects.toMatchObject({ code: 'pack-missing' });
  });

  it('finds a damaged stored file on first use and fetches that one again', async () => {
    const cache = new MapCache();
    const store = new Store({ cache });
    for (const path of ['/a.bin', '/b.bin']) await store.fetchStored(`${base}${path}`, { sha256: hashOf(path) });
    cache.files.get(`${base}/a.bin`)?.fill(0, 100, 200);
    requests.length = 0;
    const restarted = new Store({ cache });
    for (const path of ['/a.bin', '/b.bin', '/a.bin']) {
      const bytes = await restarted.fetchStored(`${base}${path}`, { sha256: hashOf(path) });
      expect(await sha256Hex(bytes)).toBe(hashOf(path));
    }
    expect(requests).toEqual(['/a.bin']);
  });

  it('refuses a download that does not match its hash, and keeps nothing of it', async () => {
    const cache = new MapCache();
    const wrong = new Store({ cache }).fetchStored(`${base}/b.bin`, { sha256: hashOf('/a.bin') });
    await expect(wrong).rejects.toMatchObject({ code: 'pack-damaged', values: { file: 'b.bin' } });
    expect(cache.files.size).toBe(0);
  });

  it('goes on from memory when storage is full', async () => {
    const cache = new MapCache();
    cache.quota = 1000;
    const store = new Store({ cache });
    await store.fetchStored(`${base}/a.bin`);
    await store.fetchStored(`${base}/a.bin`);
    expect(requests).toEqual(['/a.bin']);
    expect(store.full).toMatchObject({ code: 'storage-full', values: { bytes: 70_000 } });
  });

  it('takes a manifest from the network, and from the store when offline', async () => {
    const cache = new MapCache();
    const url = `${base}/manifest.json`;
    const online = new Store({ cache });
    await online.fetchFresh(url);
    await online.fetchFresh(url);
    expect(requests).toHaveLength(2);
    const offline = new Store({ cache, fetch: () => Promise.reject(new TypeError('offline')) });
    expect(new TextDecoder().decode(await offline.fetchFresh(url))).toBe('{"v":1}');
  });

  it('prunes what a newer version no longer names, and clears everything', async () => {
    const cache = new MapCache();
    const store = new Store({ cache });
    await store.fetchStored(`${base}/a.bin`);
    await store.fetchStored(`${base}/b.bin`);
    await store.prune(`${base}/`, new Set([`${base}/b.bin`]));
    expect([...cache.files.keys()]).toEqual([`${base}/b.bin`]);
    await store.clear();
    expect(cache.files.size).toBe(0);
    await store.fetchStored(`${base}/b.bin`);
    expect(requests).toEqual(['/a.bin', '/b.bin', '/b.bin']);
  });
});
