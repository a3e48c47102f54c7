/** The content security policy: on the document and on every worker, kept by all that the app does, and binding. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import headers from '../src/headers.json' with { type: 'json' };
import { RangeServer } from '../tools/packs/range-server.ts';
import { writeTestPack } from '../tools/packs/test-pack.ts';
import { App } from './support/app.ts';
import { fromRepo } from './support/files.ts';
import { Server } from './support/server.ts';

const POLICY = headers['Content-Security-Policy'];

/** Every sentence about a policy that the browser writes, from the page and its workers. */
function watch(page: Page): string[] {
  const violations: string[] = [];
  page.on('console', (message) => {
    if (/security policy|trusted ?(types|script|html)/i.test(message.text())) violations.push(message.text());
  });
  return violations;
}

/** Policies of the scripts that ran as workers, by file name without its hash. */
function policies(page: Page): Map<string, string> {
  const found = new Map<string, string>();
  page.on('response', (response) => {
    const name = /\/([\w.]*worker)-[\w-]+\.js$/.exec(response.url())?.[1];
    const policy = response.headers()['content-security-policy'];
    if (name) found.set(name, policy ?? '');
  });
  return found;
}

const blocked = (url: string) =>
  fetch(url).then(
    () => 'went through',
    () => 'blocked',
  );

/** Runs in the thread of a worker of the app. */
async function fromWorkers(page: Page, url: string): Promise<Record<string, string>> {
  const answers: Record<string, string> = {};
  for (const worker of page.workers()) {
    const name = /([\w.]*worker)-[\w-]+\.js/.exec(worker.url())?.[1];
    if (name) answers[name] = await worker.evaluate(blocked, url);
  }
  return answers;
}

for (const [host, args] of [
  ['that sets the headers', []],
  ['that sets none', ['--no-headers']],
] as const) {
  test(`on a host ${host}, all that the app does keeps the policy, and the policy binds page and workers`, async ({
    browser,
  }) => {
    const server = await Server.start(...args);
    const folder = mkdtempSync(join(tmpdir(), 'csp-'));
    const packs = await RangeServer.start(writeTestPack(join(folder, 'v1'), 'test', '1').folder);
    const context = await browser.newContext();
    const page = await context.newPage();
    const violations = watch(page);
    try {
      await page.goto(`${server.url}?test=1&engine=wasm`);
      await page.waitForFunction(() => crossOriginIsolated && navigator.serviceWorker.controller !== null, null, {
        timeout: 30_000,
      });
      // From here on as on every later visit: under the service worker.
      const seen = policies(page);
      const app = await App.open(page, { engine: 'wasm' }, server.url);
      const origin = await page.evaluate((url) => window.__packs.bridge.allowHost(url), packs.url);
      const got = await page.evaluate((url) => window.__packs.bridge.download(url), packs.url);
      expect(got).toMatchObject({ ok: true });
      await app.openPhoto(fromRepo('e2e/fixtures/noise-96.png'));
      await app.restore('noise');
      await page.getByRole('button', { name: /settings/i }).click();
      await expect(page.getByRole('dialog')).toBeVisible();
      await page.keyboard.press('Escape');
      expect(violations).toEqual([]);

      const document = await page.evaluate(() =>
        fetch('./').then((answer) => answer.headers.get('content-security-policy')),
      );
      expect(document).toBe(POLICY);
      expect(seen.get('restore.worker')).toBe(POLICY);
      // The added host is in the policy of the packs worker, and in no other.
      expect(seen.get('packs.worker')).toBe(POLICY.replace("connect-src 'self'", `connect-src 'self' ${origin}`));

      const file = `${packs.url}manifest.json`;
      expect(await page.evaluate(blocked, file)).toBe('blocked');
      const fromThreads = await fromWorkers(page, file);
      expect(fromThreads['restore.worker']).toBe('blocked');
      expect(fromThreads['packs.worker']).toBe('went through');
      const elsewhere = file.replace('127.0.0.1', 'localhost');
      const others = await fromWorkers(page, elsewhere);
      expect(others['restore.worker']).toBe('blocked');
      expect(others['packs.worker']).toBe('blocked');
      // The blocked ones were told of: the watch above hears what it should.
      expect(violations.length).toBeGreaterThan(0);
    } finally {
      await context.close();
      await packs.stop();
      await server.stop();
      rmSync(folder, { recursive: true });
    }
  });
}

test('text becomes neither markup nor code, and scripts of other origins are no workers', async ({ page }) => {
  await App.open(page, { engine: 'wasm' });
  const refused = await page.evaluate(async () => {
    const refuses = (work: () => unknown) => {
      try {
        work();
        return false;
      } catch {
        return true;
      }
    };
    // The browser's own tools are allowed to make code while they run: a moment later they don't.
    await new Promise((resolve) => setTimeout(resolve, 50));
    return {
      markup: refuses(() => {
        document.createElement('div').innerHTML = '<b>x</b>';
      }),
      code: refuses(() => new Function('return 1')()),
      worker: refuses(() => new Worker('https://example.com/x.js')),
    };
  });
  expect(refused).toEqual({ markup: true, code: true, worker: true });
});
