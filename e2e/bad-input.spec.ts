/** The ways into the app; what can't be used gets one plain sentence, and the app goes on. */
import { expect, type Page, test } from '@playwright/test';
import { App } from './support/app.ts';
import { arrive, installLaunchQueue } from './support/arrive.ts';
import {
  animatedGif,
  cmykJpeg,
  corruptJpeg,
  type DroppedFile,
  fromRepo,
  plainPng,
  pngHeader,
} from './support/files.ts';

let page: Page;
let app: App;

test.beforeAll(async ({ browser }) => {
  page = await browser.newPage();
  await page.addInitScript(installLaunchQueue);
  app = await App.open(page, { engine: 'wasm' });
});
test.afterAll(() => page.close());

const REFUSED: [string, () => DroppedFile | Promise<DroppedFile>, RegExp][] = [
  ['a corrupt JPEG', corruptJpeg, /damaged|corrupt/i],
  [
    'a text file',
    () => ({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('not a picture\n') }),
    /not (a photo|an image|a picture)|isn.t (a photo|an image|a picture)/i,
  ],
  [
    'a text file that says it is a JPEG',
    () => ({ name: 'photo.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('not a picture\n') }),
    /not (a photo|an image|a picture)|isn.t (a photo|an image|a picture)/i,
  ],
  ['an empty file', () => ({ name: 'empty.png', mimeType: 'image/png', buffer: Buffer.alloc(0) }), /empty/i],
  ['a PNG header of 30000 by 30000 px', () => pngHeader(30_000, 30_000), /900|too (many|large|big)|megapixel/i],
  ['a photo over the limit', () => plainPng(11_001, 11_000), /121|too (many|large|big)|megapixel/i],
];

for (const [name, make, sentence] of REFUSED) {
  test(`refuses ${name}`, async () => {
    await app.openPhoto(fromRepo('e2e/fixtures/noise-96.png'));
    const start = Date.now();
    await app.drop(await make());
    await expect(app.alert).toBeVisible({ timeout: 30_000 });
    await expect(app.alert).toContainText(sentence);
    console.log(`${name}: "${(await app.alert.textContent())?.trim()}" after ${Date.now() - start} ms`);
    expect(app.errors).toEqual([]);
    // The app is usable at once, and the sentence goes away.
    await app.openPhoto(fromRepo('e2e/fixtures/noise-96.png'));
    await expect(app.alert).toHaveCount(0);
  });
}

// Chromium decodes CMYK; of an animation the first frame is taken. A browser that can't says so in words.
for (const [name, make, size] of [
  ['a CMYK JPEG', cmykJpeg, '96 × 96'],
  ['an animated GIF', animatedGif, '64 × 64'],
] as const) {
  test(`opens ${name}`, async () => {
    await app.openPhoto(fromRepo('public/demo/haze-thumb.jpg'));
    const file = await make();
    await app.openPhoto(file);
    await expect(page.getByRole('status').filter({ hasText: `${file.name} is open, ${size} px` })).toHaveCount(1);
    await expect(app.alert).toHaveCount(0);
    expect(app.errors).toEqual([]);
  });
}

for (const way of ['drop', 'paste', 'open with'] as const) {
  test(`a photo comes in by ${way}, and a text file gets its sentence`, async () => {
    const photo = fromRepo('e2e/fixtures/noise-96.png');
    const name = `${way.replace(' ', '-')}.png`;
    expect(await arrive(page, way, [{ ...photo, name }])).toBe(true);
    await expect(page.getByRole('status').filter({ hasText: `${name} is open, 96 × 96 px` })).toHaveCount(1);
    await arrive(page, way, [{ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') }]);
    await expect(app.alert).toContainText(/not (a photo|an image|a picture)|isn.t (a photo|an image|a picture)/i);
  });
}

test('a demo photo comes with its task', async () => {
  // A file that is no photo left the first page open.
  await page.getByRole('button', { name: 'Open the demo photo: Colosseum' }).click();
  await expect(app.canvas).toBeVisible();
  await expect(page.getByRole('radio', { name: 'Compression', exact: true })).toBeChecked();
});

test('after all of them a job still works', async () => {
  await app.restore('noise');
});
