import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { filesBelow } from '../../tools/vite-limits.ts';

export interface BundleBytes {
  /** App code and styles as a host sends them, gzip level 9: everything but ORT and the pack. */
  appJsGzip: number;
  appCssGzip: number;
  /** The three loaders together, gzip. A browser loads one of them. */
  ortJsGzip: number;
  /** Each wasm file as shipped (already gzip). A browser loads one of them. */
  ortWasm: Record<string, number>;
  /** Each pack as shipped. */
  packs: Record<string, number>;
  total: number;
}

/** Sizes in bytes of what lies in `dist`. */
export function bundleBytes(dist: string): BundleBytes {
  const bytes: BundleBytes = { appJsGzip: 0, appCssGzip: 0, ortJsGzip: 0, ortWasm: {}, packs: {}, total: 0 };
  for (const file of filesBelow(dist)) {
    const gzip = () => gzipSync(readFileSync(join(dist, file.path)), { level: 9 }).length;
    bytes.total += file.bytes;
    const pack = /^packs\/([^/]+)\//.exec(file.path)?.[1];
    if (pack !== undefined) bytes.packs[pack] = (bytes.packs[pack] ?? 0) + file.bytes;
    else if (file.path.endsWith('.wasm.gzip')) bytes.ortWasm[file.path.slice('ort/'.length)] = file.bytes;
    else if (file.path.startsWith('ort/')) bytes.ortJsGzip += gzip();
    else if (/\.m?js$/.test(file.path)) bytes.appJsGzip += gzip();
    else if (file.path.endsWith('.css')) bytes.appCssGzip += gzip();
  }
  return bytes;
}
