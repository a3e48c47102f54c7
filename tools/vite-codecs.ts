/**
 * Decoders that browsers lack, beside index.html: `codecs/<name>.wasm.gzip`. The engine fetches one when the first such
 * photo is opened, unpacks it and keeps it. Their scripts are part of the engine's bundle, as chunks of their own.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const { resolve } = createRequire(import.meta.url);
const BINARIES: Readonly<Record<string, string>> = {
  'libheif.wasm.gzip': resolve('libheif-js/libheif-wasm/libheif.wasm'),
  'avif.wasm.gzip': resolve('@jsquash/avif/codec/dec/avif_dec.wasm'),
  'jxl.wasm.gzip': join(dirname(resolve('jxl-oxide-wasm/package.json')), 'jxl_oxide_wasm_bg.wasm'),
};

const packed = new Map<string, Buffer>();

function gzipped(path: string): Buffer {
  const bytes = packed.get(path) ?? gzipSync(readFileSync(path), { level: constants.Z_BEST_COMPRESSION });
  packed.set(path, bytes);
  return bytes;
}

/** Puts the binaries into the build and onto the development server. */
export function codecFiles(): Plugin {
  return {
    name: 'codec-files',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const path = BINARIES[/^\/codecs\/([\w.-]+)(?:\?.*)?$/.exec(request.url ?? '')?.[1] ?? ''];
        if (path === undefined) return next();
        response.setHeader('Content-Type', 'application/octet-stream');
        response.end(gzipped(path));
      });
    },
    generateBundle() {
      for (const [name, path] of Object.entries(BINARIES)) {
        this.emitFile({ type: 'asset', fileName: `codecs/${name}`, source: gzipped(path) });
      }
    },
  };
}

/** The scripts know where their wasm would lie; the engine hands it over instead, so that it is not bundled twice. */
export function codecModules(): Plugin {
  return {
    name: 'codec-modules',
    enforce: 'pre',
    transform(code, id) {
      if (!/jxl_oxide_wasm\.js|avif_dec\.js/.test(id)) return null;
      return { code: code.replace(/new URL\(["'][^"']*\.wasm["'], ?import\.meta\.url\)/, 'undefined'), map: null };
    },
  };
}
