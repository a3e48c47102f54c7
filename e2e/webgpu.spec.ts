/** WebGPU on SwiftShader: slow, so the photos are tiny. */
import { expect, type Page, test } from '@playwright/test';
import { App, type Params } from './support/app.ts';
import { cornerOf } from './support/files.ts';
import { decode, type Pixels, psnr } from './support/pixels.ts';

test.describe.configure({ mode: 'serial', timeout: 300_000 });

/** Side of the corner of both that is restored. */
const SIDE = 64;
const INPUT = 'e2e/fixtures/noise-96.png';
const CLEAN = 'e2e/fixtures/noise-96-clean.png';
let onWebGpu: Pixels;
/** Of tasks with a last pass: that with sharpening, and one with smooth gains, which also has a look at the whole photo. */
const LAST_PASSES = ['blur', 'reflection'] as const;
const lastPasses = new Map<(typeof LAST_PASSES)[number], Pixels>();
let page: Page;
let app: App;

async function fresh(browser: import('@playwright/test').Browser, params: Params): Promise<void> {
  page = await browser.newPage();
  app = await App.open(page, params);
  await app.openPhoto(await cornerOf(INPUT, SIDE));
  // Something has to be left of the job when its first step is seen.
  await app.chooseSteps(2);
}

test('restores on WebGPU with the JSPI bundle', async ({ browser }) => {
  await fresh(browser, { engine: 'webgpu', bundle: 'jspi' });
  await app.restore('noise');
  await app.root('engine', 'webgpu');
  onWebGpu = await app.result();
  expect([onWebGpu.width, onWebGpu.height]).toEqual([SIDE, SIDE]);
  await app.chooseSteps(1);
  for (const task of LAST_PASSES) {
    await app.restore(task);
    lastPasses.set(task, await app.result());
  }
  await app.chooseSteps(2);
  expect(app.errors).toEqual([]);
  expect(app.strangers).toEqual([]);
});

/** The device is lost in the middle of a job, as a driver reset would do it; the job ends well without anybody's doing. */
async function loseDeviceInJob(): Promise<Pixels> {
  await app.begin('noise');
  await expect(page.locator('.film-frame').first()).toBeAttached({ timeout: 120_000 });
  await page.evaluate(() => window.__engine.loseDevice());
  await expect(page.getByRole('note').filter({ hasText: 'stopped answering' })).toBeVisible({ timeout: 60_000 });
  await app.root('job', 'done');
  await app.root('engine', 'webgpu');
  await expect(app.alert).toBeHidden();
  return app.result();
}

test('after a lost device the job goes on by itself, in the same worker, to the same result', async () => {
  const worker = app.engineWorker;
  const result = await loseDeviceInJob();
  expect(Buffer.compare(result.data, onWebGpu.data)).toBe(0);
  expect(app.engineWorker).toBe(worker);
  await page.close();
});

test('restores on WebGPU with the asyncify bundle, the same picture although the device is lost', async ({
  browser,
}) => {
  await fresh(browser, { engine: 'webgpu', bundle: 'asyncify' });
  await app.root('engine-state', 'ready');
  // This build can't use a new device: the page puts a new worker in place of the old one.
  const worker = app.engineWorker;
  // The same shaders on the same device: the very bytes of the other build.
  expect(Buffer.compare((await loseDeviceInJob()).data, onWebGpu.data)).toBe(0);
  await expect.poll(() => app.engineWorker !== worker).toBe(true);
  await page.close();
});

test('wasm and WebGPU agree', async ({ browser }) => {
  await fresh(browser, { engine: 'wasm' });
  await app.restore('noise');
  await app.root('engine', 'wasm');
  const agreements = [psnr(await app.result(), onWebGpu)];
  await app.chooseSteps(1);
  for (const [task, made] of lastPasses) {
    await app.restore(task);
    agreements.push(psnr(await app.result(), made));
  }
  expect(agreements).toHaveLength(1 + LAST_PASSES.length);
  console.log(`wasm against WebGPU: ${agreements.map((each) => each.toFixed(1))} dB`);
  // A convolution that was wrong in places came to 47.
  for (const agreement of agreements) expect(agreement).toBeGreaterThanOrEqual(60);
  await page.close();
});

test('what WebGPU made is closer to the clean photo than the input was', async () => {
  const [clean, noisy] = await Promise.all(
    [CLEAN, INPUT].map(async (path) => decode((await cornerOf(path, SIDE)).buffer)),
  );
  if (!clean || !noisy) throw new Error('no pictures');
  const before = psnr(noisy, clean);
  const after = psnr(onWebGpu, clean);
  console.log(`noise on WebGPU: ${before.toFixed(2)} dB -> ${after.toFixed(2)} dB`);
  expect(after).toBeGreaterThan(before + 0.5);
});
