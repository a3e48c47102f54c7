/** Installed and offline: what is stored, how often it is fetched, and that the app then needs no network. */
import { readFileSync } from 'node:fs';
import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import { App } from './support/app.ts';
import { fromRepo, pathOf } from './support/files.ts';
import { Server } from './support/server.ts';

test.describe.configure({ mode: 'serial' });

const HEAVY = /^packs\/|\.wasm\.gzip$/;
const PHOTO = 'e2e/fixtures/noise-96.png';
let server: Server;
let context: BrowserContext;
let page: Page;
let app: App;

test.beforeAll(async ({ browser }) => {
  server = await Server.start();
  context = await browser.newContext();
  page = await context.newPage();
});
test.afterAll(async () => {
  await context.close();
  await server.stop();
});

const controlled = () =>
  page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated', null, { timeout: 30_000 });

test('the first visit fetches every heavy file once, for this browser only', async () => {
  app = await App.open(page, { engine: 'wasm' }, server.url);
  await app.openPhoto(fromRepo(PHOTO));
  await app.restore('noise');
  await controlled();
  const counts = server.counts(HEAVY);
  const wasm = [...counts.keys()].filter((path) => path.endsWith('.wasm.gzip'));
  expect(wasm).toHaveLength(1);
  expect([...counts.keys()].filter((path) => /\.bin$/.test(path)).length).toBeGreaterThan(0);
  for (const [path, count] of counts) {
    // The manifest may be asked for again: it is how a new pack is noticed.
    if (!path.endsWith('manifest.json')) expect(count, path).toBe(1);
  }
});

test('a second visit and a replaced worker fetch none of them again', async () => {
  server.gets.length = 0;
  await page.reload();
  await app.openPhoto(fromRepo(PHOTO));
  await app.restore('noise');
  await page.evaluate(() => window.__engine.restart());
  await app.restore('noise');
  const again = [...server.counts(HEAVY).keys()].filter((path) => !path.endsWith('manifest.json'));
  expect(again).toEqual([]);
});

test('the service worker keeps the app shell and nothing heavy', async () => {
  const kept = await page.evaluate(async () => {
    const name = (await caches.keys()).find((key) => key.includes('precache'));
    const cache = await caches.open(name ?? '');
    const entries = await Promise.all(
      (await cache.keys()).map(async (request) => {
        const body = await (await cache.match(request))?.blob();
        return [new URL(request.url).pathname, body?.size ?? 0] as const;
      }),
    );
    return entries.sort(([a], [b]) => a.localeCompare(b));
  });
  const names = kept.map(([path]) => path.replace(/-[\w-]{8}(?=\.\w+$)/, ''));
  expect(names.filter((path) => !path.startsWith('/assets/'))).toEqual([
    '/icons/apple-touch-icon.png',
    '/icons/icon-192.png',
    '/icons/icon-512.png',
    '/icons/icon.svg',
    '/icons/maskable-512.png',
    '/index.html',
    '/manifest.webmanifest',
    '/ort/ort.jspi.bundle.min.mjs',
    '/ort/ort.wasm.bundle.min.mjs',
    '/ort/ort.webgpu.bundle.min.mjs',
  ]);
  const assets = names.filter((path) => path.startsWith('/assets/'));
  expect(assets.every((path) => /\.(js|css|woff2|svg)$/.test(path))).toBe(true);
  expect(assets.some((path) => path.endsWith('.css'))).toBe(true);
  const total = kept.reduce((sum, [, bytes]) => sum + bytes, 0);
  console.log(`precache: ${kept.length} files, ${Math.round(total / 1024)} KiB`);
  expect(total).toBeLessThan(2 * 1024 * 1024);
});

/** As the system hands photos to the app that was chosen in its share sheet. */
async function share(...names: string[]): Promise<void> {
  const bytes = [...readFileSync(pathOf(PHOTO))];
  const photos = names.map((name) => ({ name, bytes }));
  await page.evaluate((given) => {
    const form = document.createElement('form');
    form.method = 'post';
    form.enctype = 'multipart/form-data';
    form.action = './share-target';
    const input = document.createElement('input');
    input.type = 'file';
    input.name = 'photo';
    const transfer = new DataTransfer();
    for (const { name, bytes: data } of given) {
      transfer.items.add(new File([new Uint8Array(data)], name, { type: 'image/png' }));
    }
    input.files = transfer.files;
    form.append(input);
    document.body.append(form);
    form.submit();
  }, photos);
  await page.waitForURL(/shared=1|\/$/);
}

test('a shared photo is opened', async () => {
  await share('shared.png');
  await expect(app.canvas).toBeVisible({ timeout: 30_000 });
  await expect(app.restoreButton).toBeEnabled({ timeout: 60_000 });
});

test('several shared photos go into the queue', async () => {
  await share('one.png', 'two.png');
  await expect(page.locator('.queue-name')).toHaveText(['one.png', 'two.png'], { timeout: 30_000 });
});

test('with the network off the app opens and restores a photo', async () => {
  await server.stop();
  await page.goto(`${server.url}?test=1&engine=wasm`);
  await expect(page.getByRole('button', { name: 'Open a photo' }).first()).toBeVisible();
  await app.openPhoto(fromRepo(PHOTO));
  await app.restore('noise');
  const result = await app.result();
  expect([result.width, result.height]).toEqual([96, 96]);
});
