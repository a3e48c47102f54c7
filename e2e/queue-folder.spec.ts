/** Many photos: folders that are dropped, results written into a folder, what is still chosen after a reload, pausing. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import sharp from 'sharp';
import { App } from './support/app.ts';

let folder: string;
let context: BrowserContext;
let page: Page;
let app: App;

const png = (side: number, level: number) =>
  sharp({ create: { width: side, height: side, channels: 3, background: { r: level, g: 90, b: 60 } } })
    .png()
    .toBuffer();

/** A folder of the private file system in place of one that a person picks: tests can't answer the picker. */
function installPicker(): void {
  const picker = async () => (await navigator.storage.getDirectory()).getDirectoryHandle('picked', { create: true });
  Object.assign(window, { showDirectoryPicker: picker });
  // The browser's answers, which the private file system never asks for: a test sets them.
  const answer = () => Promise.resolve(sessionStorage.getItem('permission') ?? 'granted');
  Object.assign(FileSystemHandle.prototype, { queryPermission: answer, requestPermission: answer });
}

/** Names in the picked folder, with their sizes. */
const written = () =>
  page.evaluate(async () => {
    const picked = await (await navigator.storage.getDirectory()).getDirectoryHandle('picked', { create: true });
    const found: Record<string, number> = {};
    for await (const [name, handle] of picked.entries()) {
      found[name] = handle instanceof FileSystemFileHandle ? (await handle.getFile()).size : -1;
    }
    return found;
  });

const button = (name: string | RegExp) => page.getByRole('button', { name });
const row = (name: string) => page.locator('.queue-row').filter({ hasText: name });

test.beforeAll(async ({ browser }) => {
  folder = mkdtempSync(join(tmpdir(), 'queue-folder-'));
  mkdirSync(join(folder, 'holiday/day 2'), { recursive: true });
  const files = { 'one.png': 40, 'two.png': 90, 'day 2/three.png': 200 };
  for (const [name, level] of Object.entries(files)) writeFileSync(join(folder, 'holiday', name), await png(48, level));
  writeFileSync(join(folder, 'holiday/notes.txt'), 'no photo');
  context = await browser.newContext();
  page = await context.newPage();
  await page.addInitScript(installPicker);
  app = await App.open(page, { engine: 'wasm' });
});
test.afterAll(async () => {
  await context.close();
  rmSync(folder, { recursive: true });
});

test('a folder that is dropped goes into the queue, with the folders in it', async () => {
  const devtools = await context.newCDPSession(page);
  const data = { items: [], files: [join(folder, 'holiday')], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await devtools.send('Input.dispatchDragEvent', { type, x: 300, y: 300, data });
  }
  await expect(page.getByText('0 of 3 done')).toBeVisible();
  expect((await page.locator('.queue-name').allTextContents()).sort()).toEqual(['one.png', 'three.png', 'two.png']);
});

test('results are written into a folder, beside what is there', async () => {
  await page.evaluate(async () => {
    const picked = await (await navigator.storage.getDirectory()).getDirectoryHandle('picked', { create: true });
    const handle = await picked.getFileHandle('noise one.png', { create: true });
    const target = await handle.createWritable();
    await target.write('mine');
    await target.close();
    await picked.getDirectoryHandle('noise two.png', { create: true });
  });
  await page.getByLabel('Name of results').fill('{task} {name}');
  await button('Write results into a folder').click();
  await expect(button('Into the folder picked')).toBeVisible();
  await button('Restore all').click();
  await expect(page.getByText('3 of 3 done')).toBeVisible({ timeout: 120_000 });
  const found = await written();
  expect(Object.keys(found).sort()).toEqual([
    'noise one (2).png',
    'noise one.png',
    'noise three.png',
    'noise two (2).png',
    'noise two.png',
  ]);
  expect(found['noise one.png']).toBe(4);
  expect(found['noise two.png']).toBe(-1);
  for (const name of ['noise one (2).png', 'noise two (2).png', 'noise three.png'])
    expect(found[name]).toBeGreaterThan(60);
  await expect(row('two.png')).toContainText('noise two (2).png');
  // Nothing is kept for a ZIP as well.
  await expect(button('Save as ZIP')).toBeDisabled();
});

test('folder and names are still chosen after a reload; the browser is asked again, and a refusal starts nothing', async () => {
  await page.evaluate(() => sessionStorage.setItem('permission', 'prompt'));
  await page.reload();
  await button(/^Many photos/)
    .first()
    .click();
  await expect(page.getByLabel('Name of results')).toHaveValue('{task} {name}');
  await expect(button('Into the folder picked')).toBeVisible();
  await expect(page.getByText('From your last visit.')).toBeVisible();
  await button('Once more: three.png').click();
  await page.evaluate(() => sessionStorage.setItem('permission', 'denied'));
  await button('Restore all').click();
  await expect(page.getByText(/may not be written into picked/).first()).toBeVisible();
  await expect(row('three.png')).toHaveAttribute('data-status', 'waiting');
  await page.evaluate(() => sessionStorage.setItem('permission', 'granted'));
  await button('Restore all').click();
  await expect(page.getByText('3 of 3 done')).toBeVisible({ timeout: 60_000 });
  expect(Object.keys(await written())).toContain('noise three (2).png');
});

test('a folder that is gone stops the queue, which says so; without a folder the result is kept here', async () => {
  await page.evaluate(async () => (await navigator.storage.getDirectory()).removeEntry('picked', { recursive: true }));
  await button('Once more: two.png').click();
  await button('Once more: three.png').click();
  await button('Restore all').click();
  const trouble = page.getByRole('alert').filter({ hasText: 'The folder could not be written to' });
  await expect(trouble).toBeVisible({ timeout: 60_000 });
  for (const name of ['two.png', 'three.png']) await expect(row(name)).toHaveAttribute('data-status', 'waiting');
  await button('Not into a folder').click();
  await button('Go on').click();
  await expect(page.getByText('3 of 3 done')).toBeVisible({ timeout: 60_000 });
  await expect(trouble).toHaveCount(0);
  await expect(button('Save as ZIP')).toBeEnabled();
});

test('a pause holds the photo under way, and it goes on from there', async () => {
  const files = [
    { name: 'large.png', mimeType: 'image/png', buffer: await png(384, 120) },
    { name: 'last.png', mimeType: 'image/png', buffer: await png(48, 20) },
  ];
  await page.locator('input[type="file"]').first().setInputFiles(files);
  await expect(page.getByText('3 of 5 done')).toBeVisible();
  await button('Restore all').click();
  await expect(row('large.png')).toHaveAttribute('data-status', 'running');
  await button('Pause').click();
  await expect(button('Go on')).toBeVisible();
  // Longer than the two photos take.
  await page.waitForTimeout(3500);
  await expect(row('large.png')).toHaveAttribute('data-status', 'running');
  await expect(row('last.png')).toHaveAttribute('data-status', 'waiting');
  await button('Go on').click();
  await expect(page.getByText('5 of 5 done')).toBeVisible({ timeout: 120_000 });
  expect(app.errors).toEqual([]);
  expect(app.strangers).toEqual([]);
});
