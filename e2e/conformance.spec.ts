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
    const stages: string[] = [];
    let progress = 0;
    const request = { task: 'noise', steps: 2, seed: 7, ...(bytes === undefined ? {} : { bandBytes: bytes }) } as const;
    const job = await window.__engine.restore(request, (event) => {
      if (event.type === 'paint') event.image.close();
      if (event.type === 'step') steps.push(event.step);
      if (event.type === 'progress') {
        progress++;
        if (!stages.includes(event.progress.stage)) stages.push(event.progress.stage);
      }
    });
    if (!job.ok) throw new Error(`${job.code} ${job.detail}`);
    return { steps, stages, progress, memory: job.value.memory };
  }, bandBytes);
}

for (const engine of ['wasm', 'webgpu'] as const) {
  test(`the conformance pack runs on ${engine}`, async ({ page }) => {
    // On the GPU all weights are streamed.
    const app = await App.open(page, { engine, pack: 'packs/conformance/', gpuBytes: '1' }, server.url);
    await app.openPhoto(fromRepo('e2e/fixtures/noise-64.png'));
    const first = await restore(page);
    await app.root('engine', engine);
    expect(first.steps).toEqual([1, 2]);
    // The language model reads the photo first.
    expect(first.stages[0]).toBe('read');
    expect(first.stages).toContain('denoise');
    await expect(page.getByRole('button', { name: 'Experiments' })).toBeVisible();
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
    const ways = page.getByRole('group', { name: 'How to go through the photo' });
    await expect(ways).toHaveCount(engine === 'webgpu' ? 1 : 0);
    if (engine === 'webgpu') await threeWays(page, app);
    expect(app.errors).toEqual([]);
  });
}

/** Before a job with streamed weights: how long each way takes, and a job on what is in view. */
async function threeWays(page: Page, app: App): Promise<void> {
  const ways = page.getByRole('group', { name: 'How to go through the photo' });
  const area = ways.getByRole('radio', { name: /Only the part in view/ });
  await expect(
    ways.getByRole('radio', { name: /All of it at full size about \d+ .* · 1 tile · 64 × 64 px/ }),
  ).toBeChecked({
    timeout: 120_000,
  });
  await expect(
    ways.getByRole('radio', { name: /about one megapixel about \d+ .* · 1 tile · 1024 × 1024 px/ }),
  ).toBeVisible();
  await expect(area).toBeDisabled();
  await expect(ways).toContainText('Zoom in on the part first');
  for (let i = 0; i < 8; i++) await page.keyboard.press('+');
  await area.check();
  await expect(
    ways.getByRole('radio', { name: /Only the part in view, at full size about \d+ .* 1 tile/ }),
  ).toBeChecked();
  await page.getByRole('button', { name: 'More options' }).click();
  await page.getByRole('slider', { name: 'Number of steps' }).press('Home');
  await app.restore('noise');
  const { width, height } = await app.result();
  expect([width, height]).toEqual([64, 64]);
}

test('both engines make the same of it', () => {
  const [wasm, webgpu] = results;
  if (!wasm || !webgpu) throw new Error('a result is missing');
  const agreement = psnr(wasm, webgpu);
  console.log(`conformance pack, wasm against WebGPU: ${agreement.toFixed(1)} dB`);
  expect(agreement).toBeGreaterThan(45);
});
