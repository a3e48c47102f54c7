/**
 * The pack with RealRestorer's value of every switch (noise start, reference tokens, guidance, connector) and random
 * weights: the full path of the engine in the browser, on both engines. What the numbers must be is tested in Node;
 * here the two engines must agree on them.
 */
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { makeConformancePack } from '../tools/conformance/make.ts';
import { App } from './support/app.ts';
import { fromRepo, pathOf } from './support/files.ts';
import { type Pixels, psnr } from './support/pixels.ts';
import { Server } from './support/server.ts';

test.describe.configure({ mode: 'serial', timeout: 300_000 });

let server: Server;
const results: Pixels[] = [];

test.beforeAll(async () => {
  const packs = pathOf('test-results/packs');
  await makeConformancePack(join(packs, 'conformance'));
  server = await Server.start('--packs', packs);
});
test.afterAll(() => server.stop());

for (const engine of ['wasm', 'webgpu'] as const) {
  test(`the conformance pack runs on ${engine}`, async ({ page }) => {
    const app = await App.open(page, { engine, pack: 'packs/conformance/' }, server.url);
    await app.openPhoto(fromRepo('e2e/fixtures/noise-64.png'));
    const steps = await page.evaluate(async () => {
      const painted: number[] = [];
      const job = await window.__engine.restore({ task: 'noise', steps: 2, seed: 7 }, (event) => {
        if (event.type === 'paint') event.image.close();
        if (event.type === 'step') painted.push(event.step);
      });
      if (!job.ok) throw new Error(`${job.code} ${job.detail}`);
      return painted;
    });
    await app.root('engine', engine);
    expect(steps).toEqual([1, 2]);
    const result = await app.result();
    expect([result.width, result.height]).toEqual([64, 64]);
    // Random weights make noise, not one colour.
    expect(new Set(result.data).size).toBeGreaterThan(32);
    results.push(result);
    expect(app.errors).toEqual([]);
  });
}

test('both engines make the same of it', () => {
  const [wasm, webgpu] = results;
  if (!wasm || !webgpu) throw new Error('a result is missing');
  const agreement = psnr(wasm, webgpu);
  console.log(`conformance pack, wasm against WebGPU: ${agreement.toFixed(1)} dB`);
  expect(agreement).toBeGreaterThan(45);
});
