/**
 * The pack with RealRestorer's value of every switch (noise start, reference tokens, guidance, connector) and random
 * weights: the full path of the engine in the browser, on both engines. What the numbers must be is tested in Node;
 * here the two engines must agree on them.
 */
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
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

/** 16 rows of 64 px in the 32 channels of the first level, and their halo. */
const BAND_BYTES = 18 * 64 * 32 * 4;

/** One job; what it told on the way: steps, and how many times it told its progress, which is once a graph call. */
function restore(page: Page, bandBytes?: number) {
  return page.evaluate(async (bytes) => {
    const steps: number[] = [];
    let progress = 0;
    const request = { task: 'noise', steps: 2, seed: 7, ...(bytes === undefined ? {} : { bandBytes: bytes }) } as const;
    const job = await window.__engine.restore(request, (event) => {
      if (event.type === 'paint') event.image.close();
      if (event.type === 'step') steps.push(event.step);
      if (event.type === 'progress') progress++;
    });
    if (!job.ok) throw new Error(`${job.code} ${job.detail}`);
    return { steps, progress, memory: job.value.memory };
  }, bandBytes);
}

for (const engine of ['wasm', 'webgpu'] as const) {
  test(`the conformance pack runs on ${engine}`, async ({ page }) => {
    const app = await App.open(page, { engine, pack: 'packs/conformance/' }, server.url);
    await app.openPhoto(fromRepo('e2e/fixtures/noise-64.png'));
    const first = await restore(page);
    await app.root('engine', engine);
    expect(first.steps).toEqual([1, 2]);
    expect(first.memory.gpuPeakBytes > 0).toBe(engine === 'webgpu');
    const result = await app.result();
    expect([result.width, result.height]).toEqual([64, 64]);
    // Random weights make noise, not one colour.
    expect(new Set(result.data).size).toBeGreaterThan(32);
    results.push(result);

    // A few rows of the largest layers at a time: the same picture, but for levels on the edge of a rounding.
    const bands = await restore(page, BAND_BYTES);
    expect(bands.steps).toEqual([1, 2]);
    expect(bands.progress).toBeGreaterThan(first.progress + 25);
    const agreement = psnr(await app.result(), result);
    console.log(`conformance pack on ${engine}, in bands against in one piece: ${agreement.toFixed(1)} dB`);
    expect(agreement).toBeGreaterThan(60);
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
