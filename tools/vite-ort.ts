/**
 * Puts onnxruntime-web's files where the engine looks for them: `ort/` beside index.html, in the build and in dev.
 *
 * The `.wasm` files go out as `<name>.wasm.gzip` and are unpacked by the engine with DecompressionStream: a third of the
 * size on hosts that do not compress, and all of them stay under the 25 MiB a file that some static hosts allow
 * (asyncify's is 25.5 MiB raw). The suffix is `.gzip`, not `.gz`, because no server adds Content-Encoding to it.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const SCRIPTS = ['ort.jspi.bundle.min.mjs', 'ort.webgpu.bundle.min.mjs', 'ort.wasm.bundle.min.mjs'];
const BINARIES = [
  'ort-wasm-simd-threaded.jspi.wasm',
  'ort-wasm-simd-threaded.asyncify.wasm',
  'ort-wasm-simd-threaded.wasm',
];
const SUFFIX = '.gzip';

const ortDist = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));
const { version } = JSON.parse(readFileSync(join(ortDist, '../package.json'), 'utf8')) as { version: string };
const cache = join(ortDist, '../../.cache/ort', version);

/** gzip of one of `BINARIES`; kept in node_modules/.cache because packing all three takes about 10 s. */
function gzipped(name: string): Buffer {
  const kept = join(cache, `${name}${SUFFIX}`);
  if (existsSync(kept)) return readFileSync(kept);
  const packed = gzipSync(readFileSync(join(ortDist, name)), { level: constants.Z_BEST_COMPRESSION });
  mkdirSync(cache, { recursive: true });
  // Another build may run at the same time: a rename is whole or not at all.
  const part = `${kept}.${process.pid}`;
  writeFileSync(part, packed);
  renameSync(part, kept);
  return packed;
}

/** Vite plugin; `ort/` is relative to the app's base. */
export function ortFiles(): Plugin {
  return {
    name: 'ort-files',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const name = /^\/ort\/([\w.-]+)(?:\?.*)?$/.exec(request.url ?? '')?.[1];
        if (name === undefined) return next();
        // ORT starts its threads from the bundle's own address: without COEP that worker would be blocked.
        for (const [header, value] of Object.entries(server.config.server.headers ?? {})) {
          if (value !== undefined) response.setHeader(header, value);
        }
        if (SCRIPTS.includes(name)) {
          response.setHeader('Content-Type', 'text/javascript');
          response.end(readFileSync(join(ortDist, name)));
        } else if (name.endsWith(SUFFIX) && BINARIES.includes(name.slice(0, -SUFFIX.length))) {
          response.setHeader('Content-Type', 'application/octet-stream');
          response.end(gzipped(name.slice(0, -SUFFIX.length)));
        } else next();
      });
    },
    generateBundle() {
      for (const name of SCRIPTS) {
        // Our build has no source maps, and neither do ORT's files here: the comment would only cause a 404.
        const source = readFileSync(join(ortDist, name), 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
        this.emitFile({ type: 'asset', fileName: `ort/${name}`, source });
      }
      for (const name of BINARIES) {
        this.emitFile({ type: 'asset', fileName: `ort/${name}${SUFFIX}`, source: gzipped(name) });
      }
    },
  };
}
