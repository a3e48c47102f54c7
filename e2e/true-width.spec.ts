/**
 * One double, one single and one last block of RealRestorer's width (hidden 3072), one vision block and one language layer of
 * Qwen2.5-VL-7B's, at 4 bits, on the browser's two engines, against PyTorch. A page of its own runs them: the app runs whole packs only, and a whole pack of
 * this width is gigabytes. Few tokens, because a GPU in software does about one GMAC a second.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { BLOCKS, TEXT_BLOCKS } from '../tools/conformance/block-calls.ts';
import { makeBlockPack, TRUE_WIDTH } from '../tools/conformance/block-pack.ts';
import { readTrueWidth } from '../tools/conformance/true-width.ts';
import { relativeError } from '../tools/pack/parity-helpers.ts';
import { buildHarness } from './support/harness.ts';
import { Server } from './support/server.ts';

test.describe.configure({ mode: 'serial', timeout: 300_000 });

let folder: string;
let server: Server;

test.beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'true-width-'));
  await makeBlockPack(join(folder, 'blocks'), TRUE_WIDTH);
  await buildHarness('blocks', join(folder, 'page'));
  // The page is no part of the app, whose policy would not let it start a worker.
  server = await Server.start('--packs', folder, '--no-headers');
});
test.afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

for (const engine of ['wasm', 'webgpu'] as const) {
  test(`blocks of true widths equal PyTorch on ${engine}`, async ({ page }) => {
    const urls = [`${server.url}packs/blocks/`, `${server.url}ort/`] as const;
    await page.goto(`${server.url}packs/page/`);
    await page.waitForFunction(() => '__blocks' in window, null, { timeout: 30_000 });
    const adapter = await page.evaluate(([pack, ort, on]) => window.__blocks.open(pack, ort, on), [
      ...urls,
      engine,
    ] as const);
    expect(adapter === '').toBe(engine === 'wasm');
    for (const block of [...BLOCKS, ...TEXT_BLOCKS]) {
      const started = Date.now();
      const outputs = await page.evaluate((id) => window.__blocks.run(id), block);
      const expected = await readTrueWidth(block);
      expect(Object.keys(outputs).sort()).toEqual(Object.keys(expected).sort());
      for (const [name, values] of Object.entries(expected)) {
        const error = relativeError(outputs[name] ?? [], values);
        console.log(`${engine}, ${block}.${name}: ${error.toExponential(1)}, ${Date.now() - started} ms`);
        expect(error, `${block}.${name}`).toBeLessThan(1e-4);
      }
    }
  });
}
