/** Jobs that survive on WebGPU (SwiftShader, so the photos are tiny), with the pack that has every switch of the big one. */
import { join } from 'node:path';
import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import { makeConformancePack } from '../tools/conformance/make.ts';
import { App } from './support/app.ts';
import { fromRepo, pathOf } from './support/files.ts';
import { type Pixels, psnr } from './support/pixels.ts';
import { Server } from './support/server.ts';
import { afterSteps, crash, offer, offeredStep, ready } from './support/survive.ts';

test.describe.configure({ mode: 'serial', timeout: 240_000 });

/** Few: a step takes seconds. */
const STEPS = 3;
const PHOTO = fromRepo('e2e/fixtures/noise-64.png');
const params = (engine: 'wasm' | 'webgpu') => ({ engine, pack: 'packs/conformance/' });

let server: Server;
let context: BrowserContext;
let page: Page;
let app: App;
const whole: Partial<Record<'wasm' | 'webgpu', Pixels>> = {};

test.beforeAll(async ({ browser }) => {
  const packs = pathOf('test-results/packs-survive');
  await makeConformancePack(join(packs, 'conformance'));
  server = await Server.start('--packs', packs);
  context = await browser.newContext();
});
test.afterAll(async () => {
  await context.close();
  await server.stop();
});

for (const engine of ['wasm', 'webgpu'] as const) {
  test(`a killed tab goes on to the same result on ${engine}`, async () => {
    page = await context.newPage();
    app = await ready(page, params(engine), PHOTO, server.url, STEPS);
    await app.restore('noise');
    await app.root('engine', engine);
    whole[engine] = await app.result();
    await app.begin('noise');
    await afterSteps(app, 2);
    await crash(page);
    page = await context.newPage();
    app = await App.open(page, params(engine), server.url);
    expect(await offeredStep(page)).toBeGreaterThanOrEqual(1);
    await offer(page).getByRole('button', { name: 'Continue' }).click();
    await app.root('job', /running|done/);
    await app.root('job', 'done');
    await expect(page.locator('.film-frame')).toHaveCount(STEPS);
    const { data } = await app.result();
    expect(Buffer.compare(data, whole[engine].data)).toBe(0);
    if (engine === 'wasm') await page.close();
  });
}

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
  await app.root('job', /running|done/);
  await app.root('job', 'done');
  const { data } = await app.result();
  expect(Buffer.compare(data, whole.webgpu?.data ?? new Uint8Array())).toBe(0);
});

test('wrong numbers: the job goes on from its last good step on the processor, and says so', async () => {
  await app.begin('noise');
  await afterSteps(app, 1);
  const [worker] = page.workers();
  // From here on, what the app puts into GPU memory arrives as NaN, as from a broken driver.
  await worker?.evaluate(() => {
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
  if (!whole.webgpu) throw new Error('no result to compare with');
  const agreement = psnr(result, whole.webgpu);
  console.log(`first steps on WebGPU, the rest on wasm, against WebGPU alone: ${agreement.toFixed(1)} dB`);
  expect(agreement).toBeGreaterThan(45);
  expect(app.errors).toEqual([]);
});
