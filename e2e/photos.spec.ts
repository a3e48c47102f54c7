/** Formats, colours and metadata in the real browser; fixtures by ImageMagick, exiftool, libheif, libavif and libjxl. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { expect, type Page, test } from '@playwright/test';
import sharp from 'sharp';
import { fixture, nodePhoto, samplesOf } from '../tools/photos/node-photo.ts';
import { ALL } from '../workers/photo/blend.ts';
import { encodePhoto } from '../workers/photo/encode.ts';
import { readMetadata } from '../workers/photo/meta/read.ts';
import { type Recipe, readRecipes } from '../workers/photo/meta/xmp.ts';
import type { SaveRequest } from '../workers/protocol.ts';
import { App } from './support/app.ts';
import type { DroppedFile } from './support/files.ts';
import { gainMapJpeg } from './support/gain-map.ts';

let page: Page;
let app: App;

test.beforeAll(async ({ browser }) => {
  page = await browser.newPage();
  app = await App.open(page, { engine: 'wasm' });
});
test.afterAll(() => page.close());

// No type and no ending that would help: what a file is, is seen in its bytes.
const dropped = (name: string): DroppedFile => ({
  name: name.replace(/\.\w+$/, '.photo'),
  mimeType: 'application/octet-stream',
  buffer: readFileSync(fixture(name)),
});

async function saved(request: SaveRequest): Promise<Blob> {
  const base64 = await page.evaluate(async (asked) => {
    const result = await window.__engine.save(asked);
    if (!result.ok) throw new Error(`${result.code} ${result.detail}`);
    const bytes = new Uint8Array(await result.value.file.arrayBuffer());
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  }, request);
  return new Blob([Buffer.from(base64, 'base64')]);
}

const OPENED: [string, string, number][] = [
  // Most that a sample may differ from what libvips decodes: other decoders, other upsampling of colour.
  ['rich.jpg', '32 × 48', 2],
  ['grey.jpg', '48 × 32', 1],
  ['p3.webp', '32 × 48', 0],
  ['p3.avif', '48 × 32', 1],
  ['p3.heic', '64 × 64', 0],
  // 10 bits become 16 by the same decoders as here.
  ['p3-10.avif', '48 × 32', 0],
  ['p3-10.heic', '48 × 32', 0],
  ['p3-16.jxl', '48 × 32', 0],
  ['rgb16-p3.png', '32 × 48', 0],
  ['rgb16-adobe.tif', '32 × 48', 0],
  ['frames.gif', '48 × 32', 0],
  ['raw.dng', '32 × 48', 2],
];

for (const [name, size, most] of OPENED) {
  test(`${name} opens, and without a change it is saved as it was`, async () => {
    await app.replacePhoto(dropped(name));
    await expect(page.getByRole('status').filter({ hasText: `is open, ${size} px` })).toHaveCount(1);
    await app.restore('noise');
    const photo = await nodePhoto(new Blob([readFileSync(fixture(name))]));
    const again = await nodePhoto(await saved({ format: 'png', quality: 1, layers: [] }));
    expect(again.source.icc).toEqual(photo.source.icc);
    expect(again.layout.bits).toBe(photo.layout.bits);
    expect(again.layout.channels < 3).toBe(photo.layout.channels < 3);
    const own = await samplesOf(await photo.source.rows());
    const kept = await samplesOf(await again.source.rows());
    const stride = photo.layout.channels;
    let worst = 0;
    for (let i = 0; i < photo.width * photo.height; i++) {
      for (let c = 0; c < Math.min(3, again.layout.channels); c++) {
        const before = own[i * stride + c] as number;
        worst = Math.max(worst, Math.abs(before - (kept[i * again.layout.channels + c] as number)));
      }
    }
    expect(worst).toBeLessThanOrEqual(most);
    expect(app.errors).toEqual([]);
    expect(app.strangers).toEqual([]);
  });
}

test('metadata go through the app, and a file that it saved offers the same settings again', async () => {
  await app.replacePhoto({ ...dropped('rich.jpg'), name: 'rich.jpg' });
  await app.restore('haze');
  await app.chooseFormat('JPEG');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const buffer = await readFile(await (await download).path());
  const [before, after] = await Promise.all([
    readMetadata('jpeg', new Blob([readFileSync(fixture('rich.jpg'))])),
    readMetadata('jpeg', new Blob([buffer])),
  ]);
  expect(after.iptc).toEqual(before.iptc);
  expect(after.comments).toEqual(before.comments);
  expect(Buffer.from(after.exif ?? []).includes('A. Owner')).toBe(true);
  const recipe = readRecipes(after.xmp).at(-1);
  expect(recipe).toMatchObject({ task: 'haze', strength: 1, pack: 'small' });
  expect(recipe?.packHash).toMatch(/^[0-9a-f]{64}$/);
  expect(recipe?.app).toMatch(/^\d+\.\d+\.\d+$/);

  await app.pick('rain');
  await app.openPhoto({ name: 'again.jpg', mimeType: 'image/jpeg', buffer });
  const offer = page.getByRole('region', { name: /restored with this app/ });
  await expect(offer).toContainText('Haze');
  await offer.getByRole('button', { name: 'Restore again with the same settings' }).click();
  await app.root('job', 'done');
  await expect(page.getByRole('radio', { name: /haze/i })).toBeChecked();
  const twice = await readMetadata('png', await saved({ format: 'png', quality: 1, privacy: 'keep' }));
  expect(readRecipes(twice.xmp).map(({ task }) => task)).toEqual(['haze', 'haze']);
  const nothing = await readMetadata('png', await saved({ format: 'png', quality: 1, privacy: 'nothing' }));
  expect([nothing.exif, nothing.xmp, nothing.iptc]).toEqual([null, null, null]);
});

test('the step that was kept and what Auto made of the change come back as well', async () => {
  await app.replacePhoto(dropped('grey.jpg'));
  await app.chooseSteps(2);
  await app.restore('haze');
  await page.keyboard.press('[');
  await page.keyboard.press('k');
  const recipeAt = async (index: number) => {
    const file = await saved({ format: 'png', quality: 1 }).catch(() => null);
    return file && readRecipes((await readMetadata('png', file)).xmp).at(index);
  };
  await expect.poll(() => recipeAt(0)).toMatchObject({ task: 'haze', steps: 2, kept: 1, amount: 1 });
  const kept = await recipeAt(0);

  const recipes: Recipe[] = [{ ...(kept as Recipe), amount: 0.5 }];
  const photo = await nodePhoto(new Blob([readFileSync(fixture('grey.jpg'))]));
  const asked = { format: 'png', quality: 1, blend: ALL, privacy: 'keep', recipes } as const;
  const { file } = await encodePhoto(photo, photo.rgb, asked);
  await app.replacePhoto({ ...dropped('grey.jpg'), buffer: Buffer.from(await file.arrayBuffer()) });
  const offer = page.getByRole('region', { name: /restored with this app/ });
  await expect(offer).toContainText('Step 1 was kept. Auto made 50% of the change.');
  await offer.getByRole('button', { name: 'Restore again with the same settings' }).click();
  await expect.poll(() => recipeAt(1), { timeout: 30_000 }).toMatchObject({ kept: 1, amount: 0.5 });
});

test('translucent pixels of a WebP are saved as they were', async () => {
  // Wider than a texture of the software renderer.
  const [width, height] = [8500, 40];
  const raw = Buffer.from(
    // Alpha from 0 to 252, over colours of all kinds.
    Uint8Array.from({ length: 4 * width * height }, (_, i) => (i % 4 === 3 ? ((i >> 2) % 64) * 4 : (i * 37) % 256)),
  );
  const image = sharp(raw, { raw: { width, height, channels: 4 } });
  const buffer = await image.webp({ lossless: true, exact: true }).toBuffer();
  await app.replacePhoto({ name: 'translucent.webp', mimeType: 'image/webp', buffer });
  const again = await nodePhoto(await saved({ format: 'png', quality: 1, layers: [] }));
  expect(Buffer.from(await samplesOf(await again.source.rows())).equals(raw)).toBe(true);
});

test('what a photo has and its result will not have is said when it is opened', async () => {
  const { photo } = await gainMapJpeg(64, 48);
  await app.openPhoto({ name: 'hdr.jpg', mimeType: 'image/jpeg', buffer: photo });
  await expect(page.getByRole('note')).toContainText('without: its HDR part');
  // HDR (PQ) of BT.2020 instead of its profile: the browser's to convert, to 8 bits.
  const buffer = readFileSync(fixture('p3-10.avif'));
  buffer.write('free', buffer.indexOf('colrprof'), 'latin1');
  const coded = buffer.indexOf('colrnclx') + 8;
  buffer.writeUInt16BE(9, coded);
  buffer.writeUInt16BE(16, coded + 2);
  await app.openPhoto({ name: 'deep.avif', mimeType: 'image/avif', buffer });
  await expect(page.getByRole('note')).toContainText('bits beyond 8 a channel');
});

test('decoders that were fetched once are there without the network', async () => {
  const names = ['p3.heic', 'p3-16.jxl', 'p3-10.avif'];
  for (const name of names) await app.openPhoto(dropped(name));
  await page.context().setOffline(true);
  for (const name of names) {
    await app.openPhoto(dropped(name));
    await expect(app.alert).toHaveCount(0);
  }
  await page.context().setOffline(false);
});
