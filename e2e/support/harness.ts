import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/** Bundles the page and its worker into a folder that may be served under any path. */
export async function buildBlocksPage(outDir: string): Promise<void> {
  await build({
    root: fileURLToPath(new URL('.', import.meta.url)),
    base: './',
    configFile: false,
    logLevel: 'warn',
    worker: { format: 'es' },
    build: { outDir, emptyOutDir: true, target: 'chrome120', minify: false, modulePreload: false },
  });
}
