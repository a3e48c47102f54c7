/** Static hosts of all kinds, and browsers with less. */
import { readFileSync } from 'node:fs';
import { type Browser, chromium, expect, type Page, test } from '@playwright/test';
import { knownBrowser } from '../tools/browser.mjs';
import { filesBelow, MAX_FILE_BYTES } from '../tools/vite-limits.ts';
import { App } from './support/app.ts';
import { fromRepo, pathOf } from './support/files.ts';
import { Server } from './support/server.ts';

const executablePath = knownBrowser();
const launch = (...args: string[]): Promise<Browser> =>
  chromium.launch({ ...(executablePath ? { executablePath } : {}), args: ['--no-sandbox', ...args] });

test('no file of the build is over 25 MiB, and none points outside', () => {
  const files = filesBelow(pathOf('dist'));
  const biggest = files.reduce((most, file) => (file.bytes > most.bytes ? file : most));
  console.log(`biggest file: ${biggest.path}, ${(biggest.bytes / 2 ** 20).toFixed(2)} MiB`);
  expect(biggest.bytes).toBeLessThanOrEqual(MAX_FILE_BYTES);
  expect(files.map((file) => file.path)).toContain('_headers');
  // Relative addresses only: the app may lie under any path.
  expect(readFileSync(pathOf('dist/index.html'), 'utf8')).not.toMatch(/(?:src|href)="(?:\/|https?:)/);
});

test('works under a sub-path of a host that sets no headers, after one reload at most', async ({ browser }) => {
  const server = await Server.start('--no-headers', '--base', '/some/photos/');
  const page = await browser.newPage();
  try {
    let loads = 0;
    page.on('framenavigated', (frame) => {
      if (frame === page.mainFrame()) loads += 1;
    });
    await page.goto(`${server.url}?test=1&engine=wasm`);
    await page.waitForFunction(() => crossOriginIsolated, null, { timeout: 30_000 });
    expect(loads).toBeLessThanOrEqual(2);
    const app = new App(page);
    await app.openPhoto(fromRepo('e2e/fixtures/noise-96.png'));
    await app.root('engine-state', 'ready');
    await app.pick('noise');
    await app.restoreButton.click();
    await app.root('job', 'done');
    const threads = await page.evaluate(async () => {
      const started = await window.__engine.start();
      return started.ok ? started.value.engine.threads : 0;
    });
    expect(threads).toBeGreaterThan(1);
    // The policy came with the service worker's answer, and it binds the page.
    const blocked = await page.evaluate(() =>
      fetch('https://example.com/').then(
        () => false,
        () => true,
      ),
    );
    expect(blocked).toBe(true);
    const answer = await page.evaluate(() => fetch('./').then((response) => [...response.headers.keys()]));
    expect(answer).toContain('content-security-policy');
    expect(server.gets.filter((path) => /^packs\/.*\.bin$|\.wasm\.gzip$/.test(path)).length).toBeGreaterThan(0);
  } finally {
    await page.close();
    await server.stop();
  }
});

async function elsewhere(args: string[], visit: (page: Page) => Promise<void>): Promise<void> {
  const browser = await launch(...args);
  try {
    await visit(await browser.newPage());
  } finally {
    await browser.close();
  }
}

test('without WebGPU the app says so, runs on wasm, and works', async ({ baseURL }) => {
  await elsewhere([], async (page) => {
    const app = await App.open(page, {}, baseURL);
    await app.openPhoto(fromRepo('e2e/fixtures/noise-96.png'));
    await app.restore('noise');
    await app.root('engine', 'wasm');
    await page.getByRole('button', { name: /about this device/i }).click();
    await expect(page.getByRole('dialog')).toContainText(/WebGPU|graphics/i);
    await expect(page.getByRole('dialog')).toContainText(/wasm|WebAssembly|processor/i);
  });
});

test('on plain http that is not localhost the app says that it needs https', async () => {
  const server = await Server.start();
  try {
    await elsewhere(['--host-resolver-rules=MAP photos.test localhost'], async (page) => {
      await page.goto(server.url.replace('localhost', 'photos.test'));
      await expect(page.getByRole('alert')).toContainText('https');
    });
  } finally {
    await server.stop();
  }
});
