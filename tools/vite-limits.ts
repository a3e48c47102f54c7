import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Plugin } from 'vite';

/** The smallest file limit among the common static hosts. */
export const MAX_FILE_BYTES = 25 * 1024 * 1024;

/** Every file below `folder`, with its size in bytes; paths are relative, with "/". */
export function filesBelow(folder: string): { path: string; bytes: number }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const full = join(entry.parentPath, entry.name);
      return { path: relative(folder, full).replaceAll('\\', '/'), bytes: statSync(full).size };
    });
}

/** Fails the build when a file is too big for static hosts, or when a `.wasm` slipped past tools/vite-ort.ts. */
export function fileLimits(): Plugin {
  let outDir = 'dist';
  return {
    name: 'file-limits',
    apply: 'build',
    enforce: 'post',
    configResolved(config) {
      outDir = join(config.root, config.build.outDir);
    },
    closeBundle: {
      order: 'post',
      sequential: true,
      handler() {
        for (const { path, bytes } of filesBelow(outDir)) {
          if (bytes > MAX_FILE_BYTES) throw new Error(`dist/${path} has ${bytes} bytes, over ${MAX_FILE_BYTES}`);
          if (path.endsWith('.wasm')) throw new Error(`dist/${path}: ORT's wasm must come from ort/*.wasm.gzip`);
        }
      },
    },
  };
}
