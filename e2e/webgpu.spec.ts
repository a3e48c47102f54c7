/** WebGPU on SwiftShader: slow, so the photos are tiny. */
import { expect, type Page, test } from '@playwright/test';
import { App, type Params } from './support/app.ts';
import { fromRepo, pathOf } from './support/files.ts';
import { decode, type Pixels, psnr } from './support/pixels.ts';

test.describe.configure({ mode: 'serial', timeout: 300_000 });

const INPUT = 'e2e/fixtures/noise-96.png';
const CLEAN = 'e2e/fixtures/noise-96-clean.png';
let onWebGpu: Pixels;
let page: Page;
let app: App;

async function fresh(browser: import('@playwright/test').Browser, params: Params): Promise<void> {
  page = await browser.newPage();
  app = await App.open(page, params);
  await app.openPhoto(fromRepo(INPUT));
}

async function gain(result: Pixels): Promise<number> {
  const clean = await decode(pathOf(CLEAN));
  return psnr(result, clean) - psnr(await decode(pathOf(INPUT)), clean);
}

test('restores on WebGPU with the JSPI bundle', async ({ browser }) => {
  await fresh(browser, { engine: 'webgpu', bundle: 'jspi' });
  await app.restore('noise');
  await app.root('engine', 'webgpu');
  onWebGpu = await app.result();
  const better = await gain(onWebGpu);
  console.log(`noise on WebGPU (JSPI): +${better.toFixed(2)} dB`);
  expect(better).toBeGreaterThan(0.5);
  expect(app.errors).toEqual([]);
});

test('a lost device ends the job with a message, and the next job works', async () => {
  await app.begin('noise');
  await page.evaluate(() => window.__engine.loseDevice());
  await app.root('job', 'failed');
  await expect(app.alert).toBeVisible();
  await expect(app.alert).toContainText(/graphics|GPU/i);
  await app.restore('noise');
  expect(await gain(await app.result())).toBeGreaterThan(0.5);
  await page.close();
});

test('restores on WebGPU with the asyncify bundle, the same picture', async ({ browser }) => {
  await fresh(browser, { engine: 'webgpu', bundle: 'asyncify' });
  await app.restore('noise');
  await app.root('engine', 'webgpu');
  const result = await app.result();
  const agreement = psnr(result, onWebGpu);
  console.log(`asyncify against JSPI: ${agreement.toFixed(1)} dB`);
  expect(agreement).toBeGreaterThan(50);
  await page.close();
});

test('wasm and WebGPU agree', async ({ browser }) => {
  await fresh(browser, { engine: 'wasm' });
  await app.restore('noise');
  await app.root('engine', 'wasm');
  const agreement = psnr(await app.result(), onWebGpu);
  console.log(`wasm against WebGPU: ${agreement.toFixed(1)} dB`);
  expect(agreement).toBeGreaterThanOrEqual(45);
  await page.close();
});
