/**
 * The pack with RealRestorer's value of every switch (noise start, reference tokens, guidance, connector) and random
 * weights: the full path of the engine in the browser, on both engines. What the numbers must be is tested in Node;
 * here the two engines must agree on them.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { BAKED_CONFIG, CONFORMANCE_CONFIG, makeConformancePack } from '../tools/conformance/make.ts';
import { readMetadata } from '../workers/photo/meta/read.ts';
import { type Recipe, readRecipes } from '../workers/photo/meta/xmp.ts';
import { App } from './support/app.ts';
import { fromRepo, pathOf } from './support/files.ts';
import { type Pixels, psnr } from './support/pixels.ts';
import { Server } from './support/server.ts';

test.describe.configure({ mode: 'serial', timeout: 300_000 });

let server: Server;
/** Of one step on each engine. */
const results: Pixels[] = [];
/** A result of the pack whose states are baked. */
let bakedFile: Buffer;

test.beforeAll(async () => {
  const packs = pathOf('test-results/packs');
  await makeConformancePack(join(packs, 'conformance'), 4, CONFORMANCE_CONFIG, 'any');
  await makeConformancePack(join(packs, 'baked'), 4, BAKED_CONFIG);
  server = await Server.start('--packs', packs);
});
test.afterAll(() => server.stop());

/** 16 rows of 64 px in the 32 channels of the first level, and their halo. */
const BAND_BYTES = 18 * 64 * 32 * 4;

/** One job; what it told on the way: steps, and how many times it told its progress, which is once a graph call. */
function restore(page: Page, count: number, bandBytes?: number) {
  return page.evaluate(
    async ([wanted, bytes]) => {
      const steps: number[] = [];
      const stages: string[] = [];
      let progress = 0;
      const request = {
        task: 'noise',
        steps: wanted,
        seed: 7,
        ...(bytes === undefined ? {} : { bandBytes: bytes }),
      } as const;
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
    },
    [count, bandBytes] as const,
  );
}

test('a pack that never sees the photo is told apart, with its results and files', async ({ page }) => {
  const app = await App.open(page, { engine: 'wasm', pack: 'packs/baked/' }, server.url);
  await app.openPhoto(fromRepo('e2e/fixtures/noise-64.png'));
  await expect(page.getByRole('note').filter({ hasText: 'an approximation' })).toBeVisible();
  await experiments(page).click();
  await expect(page.getByRole('combobox', { name: 'Guidance' })).toBeVisible();
  await expect(page.getByRole('combobox', { name: 'What the language model sees' })).toHaveCount(0);
  await expect(page.getByRole('textbox', { name: 'Own instruction' })).toHaveCount(0);
  await fewestSteps(page);
  await app.restore('noise');
  const { buffer, recipe } = await saved(page);
  bakedFile = buffer;
  expect(recipe).toMatchObject({ pack: 'conformance', approximate: true });
  await page.getByRole('button', { name: /^Results side by side/ }).click();
  await expect(page.getByRole('dialog').getByText('Approximation: the language model did not see')).toHaveCount(1);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Many photos' }).click();
  await expect(page.getByRole('note').filter({ hasText: 'an approximation' })).toBeVisible();
  expect(app.errors).toEqual([]);
});

for (const engine of ['wasm', 'webgpu'] as const) {
  test(`the conformance pack runs on ${engine}`, async ({ page }) => {
    // On the GPU all weights are streamed.
    const app = await App.open(page, { engine, pack: 'packs/conformance/', gpuBytes: '1' }, server.url);
    await app.openPhoto(fromRepo('e2e/fixtures/noise-64.png'));
    const first = await restore(page, 1);
    await app.root('engine', engine);
    expect(first.steps).toEqual([1]);
    // The language model reads the photo first.
    expect(first.stages[0]).toBe('read');
    expect(first.stages).toContain('denoise');
    await expect(experiments(page)).toBeVisible();
    expect(first.memory.gpuPeakBytes > 0).toBe(engine === 'webgpu');
    const result = await app.result();
    expect([result.width, result.height]).toEqual([64, 64]);
    // Random weights make noise, not one colour.
    expect(new Set(result.data).size).toBeGreaterThan(32);
    results.push(result);

    // A few rows of the largest layers at a time: the same picture, but for levels on the edge of a rounding.
    const bands = await restore(page, 1, BAND_BYTES);
    expect(bands.progress).toBeGreaterThan(first.progress + 25);
    const agreement = psnr(await app.result(), result);
    console.log(`conformance pack on ${engine}, in bands against in one piece: ${agreement.toFixed(1)} dB`);
    expect(agreement).toBeGreaterThan(60);
    const ways = page.getByRole('group', { name: 'How to go through the photo' });
    await expect(ways).toHaveCount(engine === 'webgpu' ? 1 : 0);
    if (engine === 'webgpu') await threeWays(page, app);
    else {
      expect((await restore(page, 2)).steps).toEqual([1, 2]);
      await experimentsReachTheJob(page, app);
    }
    expect(app.errors).toEqual([]);
  });
}

async function fewestSteps(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'More options' }).click();
  await page.getByRole('slider', { name: 'Number of steps' }).press('Home');
}

const experiments = (page: Page) => page.getByRole('button', { name: 'Experiments' });

/** A file as Save writes it, and what it says of its last job. */
async function saved(page: Page): Promise<{ buffer: Buffer; recipe: Recipe | undefined }> {
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const buffer = await readFile(await (await download).path());
  const { xmp } = await readMetadata('png', new Blob([buffer]));
  return { buffer, recipe: readRecipes(xmp).at(-1) };
}

/** Switches and a prompt of one's own change the result, and files and results tell of them. */
async function experimentsReachTheJob(page: Page, app: App): Promise<void> {
  await fewestSteps(page);
  await app.restore('noise');
  const plain = await app.result();
  expect((await saved(page)).recipe).not.toHaveProperty('tried');

  await experiments(page).click();
  const guidance = page.getByRole('combobox', { name: 'Guidance' });
  const choose = async (name: string) => {
    await guidance.click();
    await page.getByRole('option', { name }).click();
  };
  await choose('Off');
  await app.restore('noise');
  const unguided = await app.result();
  expect(Buffer.compare(unguided.data, plain.data)).not.toBe(0);
  const { buffer, recipe } = await saved(page);
  expect(recipe?.tried).toEqual({ guidanceScale: 1 });
  await choose('As the pack has it');

  // Other words than the task's are another result; the words of another task, that task's.
  const own = page.getByRole('textbox', { name: 'Own instruction' });
  await own.fill('Please dehaze the image');
  await app.restore('noise');
  const told = await app.result();
  expect((await saved(page)).recipe).toMatchObject({ task: 'noise', tried: { prompt: 'Please dehaze the image' } });
  expect(Buffer.compare(told.data, plain.data)).not.toBe(0);
  await own.fill('');

  await page.getByRole('button', { name: /^Results side by side/ }).click();
  const sheet = page.getByRole('dialog');
  await expect(sheet.getByText('Experiments: Guidance (Off).', { exact: true })).toHaveCount(1);
  await expect(sheet.getByText('Experiments: Own instruction (Please dehaze the image).', { exact: true })).toHaveCount(
    1,
  );
  await expect(sheet.getByText(/Approximation/)).toHaveCount(0);
  await page.keyboard.press('Escape');

  // A file from the pack that never saw it says so here, though that has the same name and version.
  const offer = page.getByRole('region', { name: /restored with this app/ });
  await app.openPhoto({ name: 'baked.png', mimeType: 'image/png', buffer: bakedFile });
  await expect(offer).toContainText('Approximation');
  await expect(offer).toContainText('another model pack');
  await expect(page.getByRole('note').filter({ hasText: 'an approximation' })).toHaveCount(0);

  // The file offers its experiments again.
  await app.openPhoto({ name: 'again.png', mimeType: 'image/png', buffer });
  await expect(offer).toContainText('Experiments: Guidance (Off).');
  await offer.getByRole('button', { name: 'Restore again with the same settings' }).click();
  await app.root('job', 'done');
  await experiments(page).click();
  await expect(guidance).toHaveText('Off');
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
  await fewestSteps(page);
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
