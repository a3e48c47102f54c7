/** A new version waits until it is asked for; nothing reloads by itself. */
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import { App } from './support/app.ts';
import { fromRepo, pathOf } from './support/files.ts';
import { Server } from './support/server.ts';

test.describe.configure({ mode: 'serial' });

let folder: string;
let server: Server;
let context: BrowserContext;
let one: App;
let other: App;

/** Loads of a page, told by a mark that a reload wipes out. */
const mark = (page: Page) => page.evaluate(() => Object.assign(window, { stillHere: true }));
const isSame = (page: Page) => page.evaluate(() => 'stillHere' in window);
const update = (app: App) => app.page.getByRole('button', { name: 'Update now' });
const state = (page: Page) =>
  page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    return { waiting: registration?.waiting !== null, installing: registration?.installing !== null };
  });

test.beforeAll(async ({ browser }) => {
  folder = mkdtempSync(join(tmpdir(), 'restorer-update-'));
  cpSync(pathOf('dist'), folder, { recursive: true });
  server = await Server.start('--dist', folder);
  context = await browser.newContext();
});
test.afterAll(async () => {
  await context.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

test('the first visit is not told of a new version', async () => {
  one = await App.open(await context.newPage(), { engine: 'wasm' }, server.url);
  await mark(one.page);
  await one.page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated');
  await one.openPhoto(fromRepo('e2e/fixtures/noise-96.png'));
  other = await App.open(await context.newPage(), { engine: 'wasm' }, server.url);
  // The engine runs in the first tab: here the photo is only shown.
  await other.drop(fromRepo('e2e/fixtures/noise-64.png'));
  await expect(other.canvas).toBeVisible();
  await mark(other.page);
  expect(await isSame(one.page)).toBe(true);
  await expect(update(one)).toBeHidden();
});

test('a new version is offered in every tab, and without an answer nothing reloads', async () => {
  // sirv reads the sizes of files when it starts.
  const port = new URL(server.url).port;
  await server.stop();
  appendFileSync(join(folder, 'sw.js'), '\n// Another revision.\n');
  server = await Server.start('--dist', folder, '--port', port);
  await one.page.evaluate(async () => {
    await (await navigator.serviceWorker.getRegistration())?.update();
  });
  for (const app of [one, other]) {
    await expect(update(app)).toBeVisible();
    await expect(app.page.getByText(/new version.*closes an open photo/i)).toBeVisible();
  }
  // Toasts without a question go after 4 s; this one stays, and so does the page with its photo.
  await one.page.waitForTimeout(5_000);
  expect(await state(one.page)).toEqual({ waiting: true, installing: false });
  for (const app of [one, other]) {
    await expect(update(app)).toBeVisible();
    await expect(app.canvas).toBeVisible();
    expect(await isSame(app.page)).toBe(true);
  }
});

test('pressing it changes over and reloads this tab only; the other keeps its photo until it is asked there', async () => {
  const loaded = one.page.waitForEvent('load');
  await update(one).click();
  await loaded;
  await expect(one.page.getByRole('button', { name: 'Open a photo' }).first()).toBeVisible();
  expect(await isSame(one.page)).toBe(false);
  await expect.poll(() => state(one.page)).toEqual({ waiting: false, installing: false });
  await expect(update(one)).toBeHidden();

  await other.page.waitForTimeout(1_000);
  expect(await isSame(other.page)).toBe(true);
  await expect(other.canvas).toBeVisible();
  const again = other.page.waitForEvent('load');
  await update(other).click();
  await again;
  expect(await isSame(other.page)).toBe(false);
});
