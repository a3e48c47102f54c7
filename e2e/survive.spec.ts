/** Jobs that survive, on wasm: each fault is really caused, and what comes out must be what would have come out anyway. */
import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import { App } from './support/app.ts';
import type { DroppedFile } from './support/files.ts';
import type { Pixels } from './support/pixels.ts';
import {
  afterSteps,
  besideApp,
  cachingOnce,
  crash,
  keptFiles,
  noisyPhoto,
  offer,
  offeredStep,
  ready,
  STEPS,
  wellEnded,
} from './support/survive.ts';

test.describe.configure({ mode: 'serial', timeout: 120_000 });

declare global {
  interface Window {
    /** Workers that the page made, the newest last. */
    __workers: Worker[];
    /** Resolves when the engine worker is about to hang. */
    __hung: Promise<void>;
  }
}

let context: BrowserContext;
let page: Page;
let app: App;
let photo: DroppedFile;
/** Of the uninterrupted job. */
let whole: Pixels;
/** Addresses of weights that were asked for over the network. */
const weights: string[] = [];
/** How many of them the first start took. */
let atFirst = 0;

test.beforeAll(async ({ browser, baseURL }) => {
  // One context: what a tab leaves behind is found by the next one.
  context = await browser.newContext({ ...(baseURL && { baseURL }) });
  await context.addInitScript(() => {
    window.__workers = [];
    window.Worker = class extends Worker {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        super(...args);
        window.__workers.push(this);
      }
    };
  });
  context.on('request', (request) => {
    if (/\.bin$/.test(new URL(request.url()).pathname)) weights.push(request.url());
  });
  photo = await noisyPhoto(192);
  page = await context.newPage();
  app = await ready(page, { engine: 'wasm' }, photo);
});
test.afterAll(() => context.close());

/** The same result to the last bit. */
async function expectWhole(): Promise<void> {
  const { data } = await app.result();
  expect(Buffer.compare(data, whole.data)).toBe(0);
}

test('an uninterrupted job is kept while it runs and leaves nothing', async () => {
  await app.begin('noise');
  await afterSteps(app, 2);
  await expect.poll(() => keptFiles(page)).toEqual(expect.arrayContaining([expect.stringMatching(/\/step-[01]$/)]));
  await wellEnded(app);
  whole = await app.result();
  atFirst = weights.length;
  expect(atFirst).toBeGreaterThan(0);
});

test('a job that is paused stands still, says so, and goes on to the same result', async () => {
  await app.begin('noise');
  await afterSteps(app, 1);
  await page.keyboard.press('p');
  await expect(page.locator('html')).toHaveAttribute('data-paused', '');
  await expect(page.getByText('paused', { exact: false }).first()).toBeVisible();
  const shown = () =>
    page.evaluate(() => [
      document.querySelector('[role=progressbar]')?.getAttribute('aria-valuenow'),
      document.querySelectorAll('.film-frame').length,
    ]);
  // The call in flight may still finish its step.
  const from = await page.evaluate(() => performance.now());
  await page.waitForFunction((start) => performance.now() > start + 1000, from);
  const before = await shown();
  await page.waitForFunction((start) => performance.now() > start + 2000, from);
  expect(await shown()).toEqual(before);
  const resume = page.getByRole('button', { name: 'Go on' });
  await resume.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Pause' })).toBeFocused();
  await wellEnded(app);
  await expectWhole();
});

test('a frozen tab goes on when it comes back', async () => {
  await app.begin('noise');
  await afterSteps(app, 1);
  const session = await context.newCDPSession(page);
  await session.send('Page.setWebLifecycleState', { state: 'frozen' });
  await session.send('Page.setWebLifecycleState', { state: 'active' });
  await wellEnded(app);
  await expectWhole();
});

test('a cancelled job is not offered, even when its worker hangs and has to be ended', async () => {
  await app.begin('noise');
  await afterSteps(app, 1);
  await page.evaluate(() => {
    window.__hung = new Promise((resolve) => {
      new BroadcastChannel('hung').onmessage = () => resolve();
    });
  });
  const worker = app.engineWorker;
  await worker.evaluate(() => {
    new BroadcastChannel('hung').postMessage('from here on');
    setTimeout(() => {
      for (;;);
    });
  });
  await page.evaluate(() => window.__hung);
  expect(await app.cancelNow()).toBeLessThan(1000);
  // The next job runs in a new worker.
  await app.restore('noise');
  await expectWhole();
  expect(await page.evaluate(() => window.__workers.length)).toBe(2);
  await expect.poll(() => keptFiles(page)).toEqual([]);
});

test('a worker that is ended: the job is offered and goes on to the same result', async () => {
  await app.begin('noise');
  await afterSteps(app, 2);
  await page.evaluate(() => window.__workers.at(-1)?.terminate());
  await app.root('job', 'failed');
  await expect(app.alert).toContainText('did not answer any more');
  expect(await offeredStep(page)).toBeGreaterThanOrEqual(1);
  await offer(page).getByRole('button', { name: 'Continue' }).click();
  await app.root('job', 'running');
  await wellEnded(app);
  await expectWhole();
});

test('a job with first-block caching goes on to what it would have come to', async () => {
  const offered = page.getByRole('button', { name: 'Continue' });
  await cachingOnce(page);
  await app.begin('noise');
  await wellEnded(app);
  const cached = await app.result();
  expect(Buffer.compare(cached.data, whole.data)).not.toBe(0);
  await cachingOnce(page);
  await app.begin('noise');
  await afterSteps(app, 4);
  await page.evaluate(() => window.__workers.at(-1)?.terminate());
  await app.root('job', 'failed');
  expect(await offeredStep(page)).toBeGreaterThanOrEqual(3);
  await offered.click();
  await app.root('job', /running|done/);
  await wellEnded(app);
  const { data } = await app.result();
  expect(Buffer.compare(data, cached.data)).toBe(0);
});

test('a killed tab: another one offers the job, and goes on with the keyboard alone', async () => {
  await app.begin('noise');
  await afterSteps(app, 3);
  await crash(page);
  page = await context.newPage();
  app = await App.open(page, { engine: 'wasm' });
  const step = await offeredStep(page);
  expect(step).toBeGreaterThanOrEqual(2);
  await expect(offer(page)).toContainText(`Noise, step ${step} of ${STEPS}`);
  await expect(offer(page)).toContainText('noise-192.png');
  await expect(page.getByRole('status')).toContainText('Continue restoring noise-192.png');
  await expect(async () => {
    await page.keyboard.press('Tab');
    await expect(offer(page).getByRole('button', { name: 'Continue' })).toBeFocused({ timeout: 100 });
  }).toPass({ timeout: 20_000 });
  await page.keyboard.press('Enter');
  await app.root('job', /running|done/);
  await wellEnded(app);
  await expectWhole();
});

test('files that are cut off: the job goes on from what is whole', async () => {
  await app.begin('noise');
  await afterSteps(app, 3);
  await page.close();
  const beside = await besideApp(context);
  const cut = (keep: RegExp) =>
    beside.evaluate(async (source) => {
      const root = await navigator.storage.getDirectory();
      const jobs = await root.getDirectoryHandle('jobs');
      for await (const folder of jobs.values()) {
        for await (const [name, file] of (folder as FileSystemDirectoryHandle).entries()) {
          if (!new RegExp(source).test(name)) continue;
          const open = await (file as FileSystemFileHandle).createWritable({ keepExistingData: true });
          await open.truncate(100);
          await open.close();
        }
      }
    }, keep.source);
  await cut(/^step-/);
  await beside.close();
  page = await context.newPage();
  app = await App.open(page, { engine: 'wasm' });
  expect(await offeredStep(page)).toBe(0);
  await offer(page).getByRole('button', { name: 'Continue' }).click();
  await app.root('job', /running|done/);
  await wellEnded(app);
  await expectWhole();
});

test('files that are deleted while the job runs do not disturb it', async () => {
  await app.begin('noise');
  await afterSteps(app, 2);
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    // Refused while a file is open for writing.
    for (let tries = 0; tries < 100; tries++) {
      try {
        return await root.removeEntry('jobs', { recursive: true });
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  });
  await wellEnded(app);
  await expectWhole();
});

test('new workers and tabs took no weights from the network', () => {
  expect(weights).toHaveLength(atFirst);
});

test('no room to write: said once, and the job ends well', async () => {
  const session = await context.newCDPSession(page);
  const origin = new URL(page.url()).origin;
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 });
  await app.begin('noise');
  const notice = page.getByRole('note').filter({ hasText: 'no room to keep the steps' });
  await expect(notice).toBeVisible({ timeout: 60_000 });
  await expect(notice).toHaveCount(1);
  await wellEnded(app);
  await expectWhole();
  await session.send('Storage.overrideQuotaForOrigin', { origin });
});

test('an offer can be discarded, and all data deleted', async () => {
  for (const way of ['discard', 'delete'] as const) {
    await app.begin('noise');
    await afterSteps(app, 1);
    await page.reload();
    await offeredStep(page);
    expect((await keptFiles(page)).length).toBeGreaterThan(0);
    if (way === 'discard') await offer(page).getByRole('button', { name: 'Discard' }).click();
    else {
      await page.getByRole('button', { name: 'Settings' }).first().click();
      await page.getByRole('button', { name: 'Delete all photos and data' }).click();
      await page.getByRole('button', { name: 'Delete all', exact: true }).click();
    }
    await expect(offer(page)).toHaveCount(0);
    await expect.poll(() => keptFiles(page)).toEqual([]);
    await page.reload();
    await app.root('engine-state', 'ready');
    await expect(offer(page)).toHaveCount(0);
    if (way === 'discard') {
      await app.openPhoto(photo);
      await app.chooseSteps(STEPS);
    }
  }
  expect(app.errors).toEqual([]);
});
