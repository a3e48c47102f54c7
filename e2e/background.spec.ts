/** While a job runs the screen stays on; when it ends out of sight, those who wanted it are told. */
import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import { App } from './support/app.ts';
import { fromRepo } from './support/files.ts';

declare global {
  interface Window {
    /** What became of each lock that was asked for, and the state of the job at that time. */
    __locks: string[];
    /** Titles and bodies of notifications that the app showed. */
    __shown: { title: string; body: string | undefined }[];
  }
}

test.describe.configure({ mode: 'serial' });

let context: BrowserContext;
let page: Page;
let app: App;

/** Records what goes to the browser; the calls go through. */
function record(): void {
  window.__locks = [];
  window.__shown = [];
  const request = WakeLock.prototype.request;
  WakeLock.prototype.request = function (type) {
    const note = (what: string) => {
      const job = document.querySelector('[data-job]')?.getAttribute('data-job');
      window.__locks.push(`${what}, ${job}`);
    };
    const asked = request.call(this, type);
    asked.then(
      (lock) => {
        note('held');
        lock.addEventListener('release', () => note('released'));
      },
      (error: Error) => note(error.name),
    );
    return asked;
  };
  const show = ServiceWorkerRegistration.prototype.showNotification;
  ServiceWorkerRegistration.prototype.showNotification = function (title, options) {
    window.__shown.push({ title, body: options?.body });
    return show.call(this, title, options);
  };
}

const locks = () => page.evaluate(() => window.__locks);

/** The page as the app sees it from behind another tab. Headless pages are never hidden by themselves. */
const setHidden = (hidden: boolean) =>
  page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
    Object.defineProperty(document, 'visibilityState', {
      configurable: true,
      get: () => (value ? 'hidden' : 'visible'),
    });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);

const shown = () => page.evaluate(() => window.__shown);

async function turnNotifications(on: boolean): Promise<void> {
  await page.getByRole('button', { name: 'Settings' }).click();
  const flip = page.getByRole('switch', { name: /when a photo is done in the background/i });
  if ((await flip.isChecked()) !== on) await flip.click();
  await expect(flip).toBeChecked({ checked: on });
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
}

test.beforeAll(async ({ browser, baseURL }) => {
  context = await browser.newContext({ ...(baseURL && { baseURL }) });
  await context.grantPermissions(['notifications', 'screen-wake-lock']);
  await context.addInitScript(record);
  page = await context.newPage();
  app = await App.open(page, { engine: 'wasm' });
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated');
});
test.afterAll(() => context.close());

test('the screen stays on while a job runs, and not longer', async () => {
  await app.openPhoto(fromRepo('public/demo/noise.jpg'));
  expect(await locks()).toEqual([]);
  await app.begin('noise');
  // Another tab and back: the browser kept the lock (the page was never really hidden), so none is added.
  await setHidden(true);
  await setHidden(false);
  await app.root('job', 'done');
  await expect.poll(locks).toEqual(['held, running', 'released, done']);

  await app.begin('noise');
  await app.cancelNow();
  await expect.poll(locks).toEqual(['held, running', 'released, done', 'held, running', 'released, cancelled']);
});

test('nothing is shown while the setting is off', async () => {
  await app.replacePhoto(fromRepo('e2e/fixtures/noise-96.png'));
  expect(await page.evaluate(() => Notification.permission)).toBe('granted');
  await setHidden(true);
  await app.restore('noise');
  expect(await shown()).toEqual([]);
  await setHidden(false);
});

test('with the setting on, a job that ends in the background is told', async () => {
  await turnNotifications(true);
  await setHidden(true);
  await app.restore('noise');
  await expect.poll(shown).toEqual([{ title: 'Your photo is restored', body: 'noise-96.png' }]);
  const kept = await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    return (await registration?.getNotifications())?.map(({ title, body, tag }) => [title, body, tag]);
  });
  expect(kept).toEqual([['Your photo is restored', 'noise-96.png', 'done']]);
});

/** A click on the first notification, in the service worker. None may bring a window to the front that nobody clicked. */
const CLICK = `(async () => {
  const focused = [];
  WindowClient.prototype.focus = async function () {
    focused.push(this.url);
  };
  const [notification] = await self.registration.getNotifications();
  const event = new NotificationEvent('notificationclick', { notification });
  let over;
  Object.defineProperty(event, 'waitUntil', { value: (work) => { over = work; } });
  self.dispatchEvent(event);
  await over;
  return { focused, left: (await self.registration.getNotifications()).length };
})()`;

test('a click on it leads to the tab whose job ended, not to the one used last', async () => {
  const other = await context.newPage();
  await other.goto('./?other');
  await other.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await other.bringToFront();
  const [worker] = context.serviceWorkers();
  expect(await worker?.evaluate(CLICK)).toEqual({ focused: [page.url()], left: 0 });
  await other.close();
});

test('nothing is shown for a job that ends in sight', async () => {
  await setHidden(false);
  await app.restore('noise');
  expect(await shown()).toHaveLength(1);
});
