/** Jobs that survive on WebGPU (SwiftShader, so the photo is tiny). Lost devices with both builds: webgpu.spec.ts. */
import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import { App } from './support/app.ts';
import { cornerOf } from './support/files.ts';
import { type Pixels, psnr } from './support/pixels.ts';
import { afterSteps, cachingOnce, crash, offer, offeredStep, ready } from './support/survive.ts';

test.describe.configure({ mode: 'serial', timeout: 240_000 });

/** Few: a step takes seconds. */
const STEPS = 3;
const SIDE = 32;

let context: BrowserContext;
let page: Page;
let app: App;
/** Of the uninterrupted job. */
let whole: Pixels;

test.beforeAll(async ({ browser, baseURL }) => {
  context = await browser.newContext({ ...(baseURL && { baseURL }) });
});
test.afterAll(() => context.close());

/** The tab is killed, the job offered in a new one, with at least so many steps done, and carried to its end. */
async function killedAndContinued(least: number): Promise<void> {
  await crash(page);
  page = await context.newPage();
  app = await App.open(page, { engine: 'webgpu' });
  expect(await offeredStep(page)).toBeGreaterThanOrEqual(least);
  await offer(page).getByRole('button', { name: 'Continue' }).click();
  await app.root('job', /running|done/);
  await app.root('job', 'done');
  await app.root('engine', 'webgpu');
}

test('a killed tab goes on to the same result', async () => {
  page = await context.newPage();
  app = await ready(page, { engine: 'webgpu' }, await cornerOf('e2e/fixtures/noise-64.png', SIDE), undefined, STEPS);
  await app.restore('noise');
  await app.root('engine', 'webgpu');
  whole = await app.result();
  await app.begin('noise');
  await afterSteps(app, 2);
  await killedAndContinued(1);
  await expect(page.locator('.film-frame')).toHaveCount(STEPS);
  const { data } = await app.result();
  expect(Buffer.compare(data, whole.data)).toBe(0);
});

test('a killed tab with first-block caching goes on to the same result', async () => {
  // A minute on software WebGPU, and the same on wasm in survive.spec.ts: `LONG=1 npm run test:e2e -- e2e/survive-gpu.spec.ts`.
  test.skip(!process.env.LONG);
  await cachingOnce(page);
  await app.restore('noise');
  const cached = await app.result();
  // Some step did without the deeper blocks.
  expect(Buffer.compare(cached.data, whole.data)).not.toBe(0);
  await cachingOnce(page);
  await app.begin('noise');
  await afterSteps(app, 3);
  // Steps are left to do, and the step before them may be one that was not computed in full.
  await killedAndContinued(2);
  const { data } = await app.result();
  expect(Buffer.compare(data, cached.data)).toBe(0);
});

test('three devices lost in a row stop the job with a message; it can be continued', async () => {
  await app.begin('noise');
  await afterSteps(app, 1);
  // Every new device is lost as soon as it is there.
  await page.evaluate(async () => {
    while (document.documentElement.dataset.job === 'running') {
      await window.__engine.loseDevice();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  await app.root('job', 'failed');
  await expect(app.alert).toContainText('three times in a row');
  expect(await offeredStep(page)).toBeGreaterThanOrEqual(1);
  await offer(page).getByRole('button', { name: 'Continue' }).click();
  // It opens its photo anew: the result of the job before it is still there, and was not saved.
  await app.leaveQuestion.getByRole('button', { name: 'Close without saving' }).click();
  await app.root('job', /running|done/);
  await app.root('job', 'done');
  const { data } = await app.result();
  expect(Buffer.compare(data, whole.data)).toBe(0);
});

test('wrong numbers: the job goes on from its last good step on the processor, and says so', async () => {
  await app.begin('noise');
  await afterSteps(app, 1);
  const worker = app.engineWorker;
  // From here on, what the app puts into GPU memory arrives as NaN, as from a broken driver.
  await worker.evaluate(() => {
    const write = GPUQueue.prototype.writeBuffer;
    GPUQueue.prototype.writeBuffer = function (...args) {
      const data: unknown = args[2];
      if (data instanceof Float32Array) args[2] = new Float32Array(data.length).fill(Number.NaN);
      Reflect.apply(write, this, args);
    };
  });
  await expect(page.getByRole('note').filter({ hasText: 'wrong numbers' })).toBeVisible({ timeout: 120_000 });
  await app.root('job', 'done');
  await app.root('engine', 'wasm');
  await expect(page.locator('.film-frame')).toHaveCount(STEPS);
  const result = await app.result();
  const agreement = psnr(result, whole);
  console.log(`first steps on WebGPU, the rest on wasm, against WebGPU alone: ${agreement.toFixed(1)} dB`);
  expect(agreement).toBeGreaterThan(45);
  expect(app.errors).toEqual([]);
});
