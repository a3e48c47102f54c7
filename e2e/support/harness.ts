import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/**
 * Bundles a page that drives parts of the engine without the app around them (`blocks/`, `stream/`) into a folder that may be
 * served under any path.
 */
export async function buildHarness(name: 'blocks' | 'stream', outDir: string): Promise<void> {
  await build({
    root: fileURLToPath(new URL(`${name}/`, import.meta.url)),
    base: './',
    configFile: false,
    logLevel: 'warn',
    worker: { format: 'es' },
    build: { outDir, emptyOutDir: true, target: 'chrome120', minify: false, modulePreload: false },
  });
}
