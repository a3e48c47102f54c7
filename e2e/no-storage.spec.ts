/** Without the origin-private file system, as in some private windows: the pack of the app runs, others say why they can't. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { BlobWriter, Uint8ArrayReader, ZipWriter } from '@zip.js/zip.js';
import { writeTestPack } from '../tools/packs/test-pack.ts';
import { App } from './support/app.ts';
import { fromRepo } from './support/files.ts';

/** What such a window does, in every worker before its own code. */
const REFUSE = "navigator.storage.getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError'));\n";

test('a window without file storage restores with the pack of the app and refuses to store another', async ({
  browser,
}) => {
  // A service worker would hand out the scripts itself.
  const context = await browser.newContext({ serviceWorkers: 'block' });
  await context.route(/\.worker-[\w-]+\.js$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: REFUSE + (await response.text()) });
  });
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
