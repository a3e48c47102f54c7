/** The pack manager as a person uses it: add from an address and from a ZIP, use, check, remove; a refusal; what it looks like. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import { BlobWriter, Uint8ArrayReader, ZipWriter } from '@zip.js/zip.js';
import sharp from 'sharp';
import { RangeServer } from '../tools/packs/range-server.ts';
import { noiseBytes, writeTestPack } from '../tools/packs/test-pack.ts';
import { App } from './support/app.ts';
import { pathOf } from './support/files.ts';
import { expectNoViolations } from './support/looks.ts';

test.describe.configure({ mode: 'serial' });

const BIG = 'extra-0.bin';
let folder: string;
let server: RangeServer;
let context: BrowserContext;
let page: Page;
let app: App;

/** What the manifest of the embedded pack tells. */
const EMBEDDED = JSON.parse(readFileSync(pathOf('public/packs/small/manifest.json'), 'utf8')) as {
  title: string;
  files: Record<string, { bytes: number }>;
};
const EMBEDDED_BYTES = Object.values(EMBEDDED.files).reduce((sum, { bytes }) => sum + bytes, 0);
const EXTRA_BYTES = 20e6;
/** A size to a tenth of a megabyte, which is left open: as much as a regular expression. */
/** The files' size as the app writes it, or with the manifest's, without a digit behind the point where that would be 0. */
const size = (bytes: number) => {
  const whole = [bytes, bytes + 3e5].map((each) => Math.floor(Math.round(each / 1e5) / 10));
  return `(?:${[...new Set(whole)].join('|')})(?:\\.\\d)? MB`;
};
const SIZE = size(EMBEDDED_BYTES + EXTRA_BYTES);

/** A pack of its own name and title; the manifest changed as a test wants. */
function makePack(name: string, title: string, change: object = {}, extra: Record<string, Uint8Array> = {}): string {
  const at = join(folder, name);
  writeTestPack(at, name, '1.0', extra);
  const file = join(at, 'manifest.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), title, ...change }));
  return at;
}

async function zipOf(path: string): Promise<Buffer> {
  const writer = new ZipWriter(new BlobWriter('application/zip'), { useWebWorkers: false, level: 0 });
  for (const name of readdirSync(path)) await writer.add(name, new Uint8ArrayReader(readFileSync(join(path, name))));
  return Buffer.from(await (await writer.close()).arrayBuffer());
}

const dialog = () => page.getByRole('dialog', { name: 'Model packs' });
const card = (title: string) => dialog().getByRole('article', { name: title });
const inCard = (title: string, name: string) => card(title).getByRole('button', { name, exact: true });

async function openManager(): Promise<void> {
  await page.keyboard.press('m');
  await expect(dialog()).toBeVisible();
}

/** Tab, as often as it takes, then Enter. */
async function press(name: string | RegExp): Promise<void> {
  const wanted = page.getByRole('button', { name, exact: true });
  for (let i = 0; i < 60; i++) {
    if (await wanted.evaluateAll((all) => all.includes(document.activeElement as HTMLElement))) break;
    await page.keyboard.press('Tab');
  }
  await expect(page.locator(':focus')).toHaveAccessibleName(name);
  await page.keyboard.press('Enter');
}

test.beforeAll(async ({ browser }) => {
  folder = mkdtempSync(join(tmpdir(), 'packs-ui-'));
  server = await RangeServer.start(
    makePack('from-url', 'Pack of the test server', {}, { [BIG]: noiseBytes(EXTRA_BYTES, 3) }),
  );
  // axe needs a context that it can open a page of its own in.
  context = await browser.newContext();
  page = await context.newPage();
  app = await App.open(page, { engine: 'wasm' });
  // The packs worker gets its policy from the service worker, which must be in charge.
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated', null, {
    timeout: 60_000,
  });
});
test.afterAll(async () => {
  await context.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

test('with the keyboard alone: a pack is added from an address, held and continued, and used', async () => {
  // All weights: the time left goes by the rate of the last seconds, and a burst at first would make it short.
  server.behave = ({ name }) => (name === 'manifest.json' ? undefined : { throttle: 1e6 });
  await openManager();
  await expect(card(EMBEDDED.title)).toContainText('In use');
  const address = dialog().getByRole('textbox');
  await expect(async () => {
    await page.keyboard.press('Tab');
    await expect(address).toBeFocused({ timeout: 50 });
  }).toPass({ intervals: [20] });
  await page.keyboard.type(server.url);
  await page.keyboard.press('Enter');
  // Nothing was fetched yet: this is another server.
  const question = dialog().getByRole('region', { name: 'Another server' });
  await expect(question).toContainText(new URL(server.url).origin);
  expect(server.asked).toEqual([]);
  await press('Allow and look');

  const title = 'Pack of the test server';
  const offer = card(title);
  await expect(offer).toContainText(new RegExp(SIZE));
  await expect(offer).toContainText('as the browser estimates');
  await expect(offer).toContainText('Graphics memory');
  expect(server.names).toEqual(['manifest.json']);
  await press('Download');
  const bar = dialog().getByRole('progressbar', { name: `Progress of ${title}` });
  await expect(bar).toBeVisible();
  await expect(card(title)).toContainText(
    new RegExp(`Downloading.* MB of ${SIZE} · .* a second · about \\d+ (s|min) left`, 's'),
  );
  await press('Pause');
  await expect(card(title)).toContainText('Paused');
  // The focus stays with the pack: Continue has taken the place of Pause.
  await expect(inCard(title, 'Continue')).toBeFocused();
  server.behave = () => undefined;
  await page.keyboard.press('Enter');
  await expect(dialog().getByText(`${title} is complete and ready to use.`)).toBeVisible({ timeout: 60_000 });
  await press(/^Use this pack$/);
  await expect(card(title)).toContainText('In use');
  await page.keyboard.press('Escape');
  await expect(dialog()).toHaveCount(0);
});

test('it restores a photo, in the next visit too, and can be checked and removed', async () => {
  const title = 'Pack of the test server';
  await app.root('engine-state', 'ready');
  await page.reload();
  server.reset();
  const photo = await sharp(pathOf('public/demo/noise.jpg')).resize(256, 256).png().toBuffer();
  await app.openPhoto({ name: 'photo.png', mimeType: 'image/png', buffer: photo });
  await app.restore('noise');
  await page.keyboard.press('i');
  await expect(page.getByRole('dialog', { name: 'About this device' })).toContainText(title);
  await page.keyboard.press('Escape');
  expect(server.asked).toEqual([]);

  await openManager();
  await expect(card(title)).toContainText(new RegExp(`${SIZE} · used on`));
  await inCard(title, 'Details').click();
  // The photo was larger than a thumbnail, so that its pace tells something.
  await expect(card(title)).toContainText(/About [\d.]+ min for a megapixel with 1 step,/);
  await inCard(title, 'Check now').click();
  await expect(card(title)).toContainText(new RegExp(`Checked ${SIZE}: everything is as it was published\\.`), {
    timeout: 60_000,
  });
  await inCard(title, 'Look for an update').click();
  await expect(card(title)).toContainText('This is the newest version.');
  await inCard(title, 'Remove').click();
  const question = page.getByRole('alertdialog', { name: `Remove ${title}?` });
  await expect(question).toContainText(new RegExp(`This frees ${SIZE}`));
  await question.getByRole('button', { name: 'Remove the pack' }).click();
  await expect(dialog().getByText(new RegExp(`${title} is removed\\. ${SIZE} were freed\\.`))).toBeVisible();
  await expect(card(title)).toHaveCount(0);
  await expect(card(EMBEDDED.title)).toContainText('In use');
  await page.keyboard.press('Escape');
  await app.root('engine-state', 'ready');
});

async function giveZip(name: string, bytes: Buffer): Promise<void> {
  const chooser = page.waitForEvent('filechooser');
  await dialog().getByRole('button', { name: 'Choose a ZIP' }).click();
  await (await chooser).setFiles({ name, mimeType: 'application/zip', buffer: bytes });
}

test('a ZIP is imported, exported, mended from the ZIP; one without a text part says why it can not run; one that lies is refused', async () => {
  const title = 'Pack out of a ZIP';
  await openManager();
  const zip = await zipOf(makePack('from-zip', title));
  await giveZip('pack.zip', zip);
  await inCard(title, 'Import').click();
  await expect(dialog().getByText(`${title} is complete and ready to use.`)).toBeVisible({ timeout: 60_000 });
  await expect(inCard(title, 'Use this pack')).toBeEnabled();

  // The folder dialog is the browser's own: a folder of the private file system stands in for what a person picks.
  await page.evaluate(() => {
    const pick = async () => (await navigator.storage.getDirectory()).getDirectoryHandle('picked', { create: true });
    Object.assign(window, { showDirectoryPicker: pick });
  });
  await inCard(title, 'Export to a folder').click();
  await expect(card(title)).toContainText(new RegExp(`Exported ${size(EMBEDDED_BYTES)}\\.`), { timeout: 60_000 });
  await dialog().getByRole('button', { name: 'Choose a folder' }).click();
  await expect(dialog().getByText('All of it is here already.')).toBeVisible();
  await dialog().getByRole('button', { name: 'Not now' }).click();

  await page.evaluate(async (bytes) => {
    const root = await navigator.storage.getDirectory();
    const pack = await (await root.getDirectoryHandle('packs')).getDirectoryHandle('from-zip');
    for await (const handle of (await pack.getDirectoryHandle('files')).values()) {
      if (handle.kind !== 'file' || (await handle.getFile()).size !== bytes) continue;
      const target = await handle.createWritable({ keepExistingData: true });
      await target.write({ type: 'write', position: 1000, data: new Uint8Array([1, 2, 3, 4]) });
      await target.close();
    }
  }, EMBEDDED.files['dit-0.bin']?.bytes);
  await inCard(title, 'Check now').click();
  await expect(card(title)).toContainText('Damaged: dit-0.bin.', { timeout: 60_000 });
  await expect(inCard(title, 'Use this pack')).toHaveCount(0);
  await giveZip('pack.zip', zip);
  await dialog().getByRole('button', { name: 'Import' }).click();
  await expect(inCard(title, 'Use this pack')).toBeEnabled({ timeout: 60_000 });

  await giveZip('half.zip', await zipOf(makePack('half', 'Half a pack', { parts: ['dit', 'vae'] })));
  await expect(card('Half a pack')).toContainText("it can't run: it lacks the text part");
  await inCard('Half a pack', 'Not now').click();

  await giveZip('liar.zip', await zipOf(makePack('liar', 'A liar', { version: '../up' })));
  await expect(dialog().getByRole('alert')).toContainText("This pack can't be used");
  // A ZIP with nothing in it, dropped.
  const dataTransfer = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['PK\u0005\u0006'.padEnd(22, '\0')], 'photos.zip'));
    return transfer;
  });
  await dialog().getByRole('region', { name: 'Add a pack' }).dispatchEvent('drop', { dataTransfer });
  await expect(dialog().getByRole('alert')).toContainText('There is no such pack');
  expect(app.errors).toEqual([]);
});

test('axe finds nothing in the manager, and it fits a phone', async () => {
  await inCard('Pack out of a ZIP', 'Details').click();
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const width of [360, 1280]) {
      await page.setViewportSize({ width, height: width === 360 ? 740 : 900 });
      await expectNoViolations(page, '[role=dialog]');
      const wider = await dialog()
        .locator('.dialog-body')
        .evaluate((body) => body.scrollWidth - body.clientWidth);
      expect(wider).toBeLessThanOrEqual(0);
      await page.screenshot({ path: pathOf(`test-results/screens/packs-${colorScheme}-${width}.png`) });
    }
  }
});
