/** Many photos: in by files, out as a ZIP, through failures, skips, pauses and a reload. */
import { readFile } from 'node:fs/promises';
import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import sharp from 'sharp';
import { App } from './support/app.ts';
import { corruptJpeg, type DroppedFile, fromRepo } from './support/files.ts';
import { keepLooks } from './support/looks.ts';

let context: BrowserContext;
let page: Page;
let app: App;

test.beforeAll(async ({ browser }) => {
  context = await browser.newContext();
  page = await context.newPage();
  // Playwright has no answer to the picker of a file to write to: the other way, a download, is taken.
  await page.addInitScript('delete window.showSaveFilePicker');
  app = await App.open(page, { engine: 'wasm' });
});
test.afterAll(() => context.close());

const small = async (name: string, level: number): Promise<DroppedFile> => ({
  name,
  mimeType: 'image/png',
  buffer: await sharp({ create: { width: 48, height: 32, channels: 3, background: { r: level, g: 90, b: 60 } } })
    .png()
    .toBuffer(),
});
const row = (name: string) => page.locator('.queue-row').filter({ hasText: name });

test('several photos go into a queue; order and tasks can be changed, photos skipped', async () => {
  const files = [await small('one.png', 40), await small('two.png', 90), corruptJpeg(), await small('three.png', 200)];
  await page
    .locator('input[type="file"]')
    .first()
    .setInputFiles([...files, { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no') }]);
  await expect(page.getByRole('heading', { name: 'Many photos' })).toBeVisible();
  await expect(page.getByText('0 of 4 done')).toBeVisible();
  await page.getByRole('button', { name: 'Move up: three.png' }).click();
  await expect(page.locator('.queue-name')).toHaveText(['one.png', 'two.png', 'three.png', 'corrupt.jpg']);
  await page.getByRole('button', { name: 'Skip: two.png' }).click();
  await expect(row('two.png')).toHaveAttribute('data-status', 'skipped');
});

test('what waits survives a reload, and is restored, failures told apart', async () => {
  await page.reload();
  await page
    .getByRole('button', { name: /^Many photos/ })
    .first()
    .click();
  await expect(page.locator('.queue-name')).toHaveText(['one.png', 'two.png', 'three.png', 'corrupt.jpg']);
  await page.getByRole('button', { name: 'Restore all' }).click();
  await expect(page.getByText('2 of 4 done')).toBeVisible({ timeout: 120_000 });
  await expect(row('corrupt.jpg')).toContainText('This photo is damaged');
  await page.getByRole('button', { name: 'Once more: two.png' }).click();
  await page.getByRole('button', { name: 'Restore all' }).click();
  await expect(page.getByText('3 of 4 done')).toBeVisible({ timeout: 120_000 });
});

test('results go into a ZIP under names of their own', async () => {
  await page.getByLabel('Name of results').fill('same');
  await page.getByRole('button', { name: 'Once more: one.png' }).click();
  await page.getByRole('button', { name: 'Once more: two.png' }).click();
  await page.getByRole('button', { name: 'Restore all' }).click();
  await expect(page.getByText('3 of 4 done')).toBeVisible({ timeout: 120_000 });
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save as ZIP' }).click();
  const zip = await readFile(await (await download).path());
  const { Uint8ArrayReader, Uint8ArrayWriter, ZipReader } = await import('@zip.js/zip.js');
  const entries = await new ZipReader(new Uint8ArrayReader(new Uint8Array(zip))).getEntries();
  expect(entries.map(({ filename }) => filename).sort()).toEqual(['same (2).png', 'same.png', 'three-restored.png']);
  for (const entry of entries) {
    if (entry.directory) continue;
    const data = await entry.getData(new Uint8ArrayWriter());
    expect(await sharp(Buffer.from(data)).metadata()).toMatchObject({ width: 48, height: 32, format: 'png' });
  }
  expect(app.errors).toEqual([]);
  expect(app.strangers).toEqual([]);
});

test('two hundred rows are not in the page at once; axe finds nothing; screenshots are kept', async () => {
  const one = await small('x.png', 10);
  const many = Array.from({ length: 200 }, (_, i) => ({ ...one, name: `photo ${i}.png` }));
  await page.locator('input[type="file"]').first().setInputFiles(many);
  await expect(page.getByText('3 of 204 done')).toBeVisible({ timeout: 120_000 });
  expect(await page.locator('.queue-row').count()).toBeLessThan(40);
  await page.getByRole('region', { name: 'Photos in the queue' }).press('End');
  await expect(row('photo 199.png')).toBeVisible();
  await keepLooks(page, 'queue');
  await page.setViewportSize({ width: 1280, height: 800 });
  // A single photo is opened as ever once the queue is left.
  await page.getByRole('button', { name: 'Close the queue' }).click();
  await app.openPhoto(fromRepo('e2e/fixtures/noise-96.png'));
});

test('options that were chosen for a single photo are named in the queue, which can undo them', async () => {
  await page.getByRole('button', { name: 'More options' }).click();
  await page.getByLabel('Seed', { exact: true }).fill('7');
  await page
    .getByRole('button', { name: /^Many photos/ })
    .first()
    .click();
  await expect(page.getByText(/^Restored with .* seed 7,/)).toBeVisible();
  await page.getByRole('button', { name: 'Back to the defaults' }).press('Enter');
  await expect(page.getByText(/^Restored with .* seed 0,/)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Back to the defaults' })).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'More options' })).toBeFocused();
});

test('deleting all data takes the queue along: its photos, its results and the ZIP', async () => {
  const kept = () =>
    page.evaluate(async () => {
      const names: string[] = [];
      for await (const name of (await navigator.storage.getDirectory()).keys()) names.push(name);
      return names.filter((name) => name === 'queue' || name === 'restored.zip').sort();
    });
  expect(await kept()).toEqual(['queue', 'restored.zip']);
  await page.getByRole('button', { name: 'Settings' }).first().click();
  await page.getByRole('button', { name: 'Delete all photos and data' }).click();
  await expect(page.getByText('the queue with its photos and results')).toBeVisible();
  await page.getByRole('button', { name: 'Delete all', exact: true }).click();
  await expect.poll(kept).toEqual([]);
  await page.reload();
  await page
    .getByRole('button', { name: /^Many photos/ })
    .first()
    .click();
  await expect(page.getByText('0 of 0 done')).toBeVisible();
  expect(app.errors).toEqual([]);
});
