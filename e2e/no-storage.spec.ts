/** Without the origin-private file system, as in some private windows: the pack of the app runs, others say why they can't. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, expect, test } from '@playwright/test';
import { BlobWriter, Uint8ArrayReader, Uint8ArrayWriter, ZipReader, ZipWriter } from '@zip.js/zip.js';
import sharp from 'sharp';
import { writeTestPack } from '../tools/packs/test-pack.ts';
import { App } from './support/app.ts';
import { fromRepo } from './support/files.ts';
import { expectNoViolations } from './support/looks.ts';

/** What such a window does, in every worker before its own code. */
const REFUSE = "navigator.storage.getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError'));\n";

async function withoutStorage(browser: Browser): Promise<BrowserContext> {
  // A service worker would hand out the scripts itself.
  const context = await browser.newContext({ serviceWorkers: 'block' });
  await context.route(/\.worker-[\w-]+\.js$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: REFUSE + (await response.text()) });
  });
  return context;
}

test('a window without file storage restores with the pack of the app and refuses to store another', async ({
  browser,
}) => {
  const context = await withoutStorage(browser);
  const folder = mkdtempSync(join(tmpdir(), 'no-storage-'));
  try {
    const page = await context.newPage();
    const app = await App.open(page, { engine: 'wasm' });
    await app.openPhoto(fromRepo('e2e/fixtures/noise-96.png'));
    await app.restore('noise');
    await app.root('engine', 'wasm');

    const at = join(folder, 'pack');
    writeTestPack(at, 'other', '1');
    const writer = new ZipWriter(new BlobWriter('application/zip'), { useWebWorkers: false, level: 0 });
    for (const name of readdirSync(at)) await writer.add(name, new Uint8ArrayReader(readFileSync(join(at, name))));
    const buffer = Buffer.from(await (await writer.close()).arrayBuffer());
    await page.keyboard.press('m');
    const dialog = page.getByRole('dialog', { name: 'Model packs' });
    const chooser = page.waitForEvent('filechooser');
    await dialog.getByRole('button', { name: 'Choose a ZIP' }).click();
    await (await chooser).setFiles({ name: 'pack.zip', mimeType: 'application/zip', buffer });
    await expect(dialog.getByText("so the pack can't be stored")).toBeVisible({ timeout: 60_000 });
    await expect(dialog.getByRole('button', { name: 'Import', exact: true })).toHaveCount(0);
    expect(app.errors).toEqual([]);
  } finally {
    await context.close();
    rmSync(folder, { recursive: true });
  }
});

test('results of the queue come out of a window without file storage, in a ZIP that is made in memory', async ({
  browser,
}) => {
  const context = await withoutStorage(browser);
  try {
    const page = await context.newPage();
    await page.addInitScript(REFUSE);
    // Browsers whose private windows refuse have no such picker either.
    await page.addInitScript('delete window.showSaveFilePicker; delete window.showDirectoryPicker;');
    const app = await App.open(page, { engine: 'wasm' });
    const create = { width: 48, height: 32, channels: 3, background: { r: 90, g: 90, b: 60 } } as const;
    const buffer = await sharp({ create }).png().toBuffer();
    const files = ['one.png', 'two.png'].map((name) => ({ name, mimeType: 'image/png', buffer }));
    await page.locator('input[type="file"]').first().setInputFiles(files);
    await expect(page.getByText('Some photos could not be stored here')).toBeVisible();
    await page.getByRole('button', { name: 'Restore all' }).click();
    await expect(page.getByText('2 of 2 done')).toBeVisible({ timeout: 120_000 });
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save as ZIP' }).click();
    const saved = await download;
    expect(saved.suggestedFilename()).toBe('restored.zip');
    const zip = new ZipReader(new Uint8ArrayReader(new Uint8Array(readFileSync(await saved.path()))));
    const entries = await zip.getEntries();
    expect(entries.map(({ filename }) => filename).sort()).toEqual(['one-restored.png', 'two-restored.png']);
    for (const entry of entries) {
      if (entry.directory) continue;
      const data = await entry.getData(new Uint8ArrayWriter());
      expect(await sharp(Buffer.from(data)).metadata()).toMatchObject({ width: 48, height: 32, format: 'png' });
    }
    // Neither photos nor results outlive the page: they are not said to wait or to be done.
    await page.reload();
    await page
      .getByRole('button', { name: /^Many photos/ })
      .first()
      .click();
    await expect(page.getByText('0 of 2 done')).toBeVisible();
    await expect(page.getByText('2 photos could only be held in memory')).toBeVisible();
    await expect(page.getByRole('button', { name: 'Restore all' })).toBeDisabled();
    await expectNoViolations(page);
    await page.locator('input[type="file"]').first().setInputFiles(files.slice(0, 1));
    await expect(page.locator('.queue-row[data-status="waiting"] .queue-name')).toHaveText('one.png');
    await page.getByRole('button', { name: 'Remove it from the queue' }).press('Enter');
    await expect(page.locator('.queue-name')).toHaveText(['one.png']);
    await expect(page.getByRole('button', { name: 'Add photos' })).toBeFocused();
    expect(app.errors).toEqual([]);
  } finally {
    await context.close();
  }
});
