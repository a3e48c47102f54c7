/** Where stored files lie. */
export interface FileCache {
  has(url: string): Promise<boolean>;
  get(url: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Throws when there is no room (QuotaExceededError in a browser). */
  put(url: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  delete(url: string): Promise<void>;
  urls(): Promise<string[]>;
  clear(): Promise<void>;
}

/** Name of the Cache Storage cache that holds packs and onnxruntime's wasm. The service worker leaves it alone. */
export const ENGINE_CACHE = 'engine-v1';

/** Files in Cache Storage. Null where the browser has none (plain http, some private windows). */
export function browserFileCache(name: string = ENGINE_CACHE): FileCache | null {
  if (!('caches' in globalThis)) return null;
  const open = () => caches.open(name);
  return {
    has: async (url) => (await (await open()).match(url)) !== undefined,
    get: async (url) => {
      const response = await (await open()).match(url);
      return response ? new Uint8Array(await response.arrayBuffer()) : null;
    },
    put: async (url, bytes) => {
      const headers = { 'content-type': 'application/octet-stream', 'content-length': String(bytes.byteLength) };
      await (await open()).put(url, new Response(bytes, { headers }));
    },
    delete: async (url) => {
      await (await open()).delete(url);
    },
    urls: async () => (await (await open()).keys()).map((request) => request.url),
    clear: async () => {
      await caches.delete(name);
    },
  };
}
