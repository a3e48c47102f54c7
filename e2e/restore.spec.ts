/** The main job on wasm. One page serves all of these tests; after a failure a new one is opened. */
import { readFile } from 'node:fs/promises';
import { expect, type Page, test } from '@playwright/test';
import sharp from 'sharp';
import { App } from './support/app.ts';
import { fromRepo, pathOf, rotatedJpeg } from './support/files.ts';
import { decode, psnr } from './support/pixels.ts';

let page: Page;
let app: App;

test.beforeAll(async ({ browser }) => {
  page = await browser.newPage();
  app = await App.open(page, { engine: 'wasm' });
});
test.afterAll(() => page.close());

/** For tests that look at a finished job: the one before left it there, unless it failed. */
async function finishedJob(): Promise<void> {
  if ((await page.locator('[data-job]').first().getAttribute('data-job')) === 'done') return;
  await app.openPhoto(fromRepo('public/demo/noise.jpg'));
  await app.chooseSteps(3);
  await app.restore('noise');
}

test('denoises a demo photo; every step is seen, progress only goes up', async () => {
  await app.openPhoto(fromRepo('public/demo/noise.jpg'));
  // Nothing about the pack that comes with the app is an open question.
  await expect(page.getByRole('button', { name: 'Experiments' })).toHaveCount(0);
  // One step is this pack's own choice: there would be none to watch before the result.
  await app.chooseSteps(3);
  await app.restore('noise');
  await app.root('engine', 'wasm');

  const clean = await decode(pathOf('e2e/fixtures/noise-clean.jpg'));
  const before = psnr(await decode(pathOf('public/demo/noise.jpg')), clean);
  const after = psnr(await app.result(), clean);
  console.log(`noise on wasm: ${before.toFixed(2)} dB -> ${after.toFixed(2)} dB`);
  expect(after).toBeGreaterThan(before + 0.5);

  const { samples } = await app.recording();
  const running = samples.filter((sample) => sample.job === 'running');
  const percents = running.flatMap((sample) => (sample.percent === null ? [] : [sample.percent]));
  expect(new Set(percents).size).toBeGreaterThan(3);
  expect(percents).toEqual([...percents].sort((a, b) => a - b));

  const steps = await page.locator('.film-frame').count();
  expect(steps).toBeGreaterThan(1);
  // The canvas as it stood when the strip took its n-th frame: the painting of step n. No two are equal.
  const paintings = new Map<number, number>();
  // The last step is the result: its frame and the end of the job may well be seen at the same moment.
  for (const sample of samples.filter(({ job }) => job === 'running' || job === 'done')) {
    if (sample.steps > 0 && !paintings.has(sample.steps)) paintings.set(sample.steps, sample.picture);
  }
  expect(paintings.size).toBe(steps);
  expect(new Set([...paintings.values(), running[0]?.picture]).size).toBe(steps + 1);
});

test('the film strip shows every step, and one of them can be kept', async () => {
  await finishedJob();
  const last = await app.result();
  const strip = page.getByRole('slider', { name: 'Steps', exact: true });
  const steps = Number(await strip.getAttribute('aria-valuemax'));
  await strip.press('Home');
  await expect(strip).toHaveAttribute('aria-valuetext', `Step 1 of ${steps}`);
  await strip.press('PageUp');
  await expect(strip).toHaveAttribute('aria-valuenow', String(steps));
  await strip.press('PageDown');
  await expect(strip).toHaveAttribute('aria-valuetext', `Step 1 of ${steps}`);
  await page.getByRole('button', { name: 'Keep this step' }).click();
  // A whole decode, on whatever machine this is.
  const told = `Step 1 of ${steps}, this is the result`;
  await expect(strip).toHaveAttribute('aria-valuetext', told, { timeout: 120_000 });
  await app.root('job', 'done');
  const kept = await app.result();
  expect([kept.width, kept.height]).toEqual([last.width, last.height]);
  // Another picture, if only by a little.
  expect(psnr(kept, last)).toBeLessThan(90);
});

test('the divider follows the mouse, the wheel zooms, and a drag then moves the photo', async () => {
  await finishedJob();
  const slider = page.getByRole('slider', { name: 'Compare' });
  const photo = page.locator('.stage-photo');
  const place = () => photo.evaluate((element) => getComputedStyle(element).transform);
  const box = await photo.boundingBox();
  if (!box) throw new Error('no photo on the stage');
  const at = (share: number) => [box.x + share * box.width, box.y + box.height / 2] as const;
  const split = async () => Number(await slider.getAttribute('aria-valuenow'));
  const drag = async (from: number, to: number) => {
    await page.mouse.move(...at(from));
    await page.mouse.down();
    await page.mouse.move(...at((from + to) / 2));
    await page.mouse.move(...at(to));
    await page.mouse.up();
  };
  // By its knob, and from anywhere on the photo.
  await slider.press('Home');
  await drag(0, 0.3);
  expect(Math.abs((await split()) - 30)).toBeLessThanOrEqual(2);
  await drag(0.5, 0.75);
  expect(Math.abs((await split()) - 75)).toBeLessThanOrEqual(2);

  const fit = await place();
  await page.mouse.move(...at(0.5));
  await page.mouse.wheel(0, -400);
  await expect.poll(place).not.toBe(fit);
  const zoomed = await place();
  // By its knob the divider still moves, and the photo stays.
  const before = await split();
  const knob = await page.locator('.compare-knob').boundingBox();
  if (!knob) throw new Error('no knob on the stage');
  const [x, y] = [knob.x + knob.width / 2, knob.y + knob.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 50, y);
  await page.mouse.move(x + 100, y);
  await page.mouse.up();
  await expect.poll(split).toBeGreaterThan(before + 3);
  expect(await place()).toBe(zoomed);
  await drag(0.5, 0.4);
  await expect.poll(place).not.toBe(zoomed);
  await page.keyboard.press('0');
  await expect.poll(place).toBe(fit);
});

test('two quick dabs of the brush paint, and do not zoom', async () => {
  await finishedJob();
  const place = () => page.locator('.stage-photo').evaluate((element) => getComputedStyle(element).transform);
  await page.keyboard.press('b');
  const layer = page.getByTestId('brush');
  await expect(layer).toBeVisible();
  const fit = await place();
  await layer.dblclick();
  const everywhere = page.getByRole('button', { name: 'Restore everywhere' });
  await expect(everywhere).toBeEnabled();
  expect(await place()).toBe(fit);
  await everywhere.click();
  await page.keyboard.press('b');
  await expect(layer).toHaveCount(0);
});

test('saves the result as PNG, JPEG and WebP at the size of the photo', async () => {
  await finishedJob();
  const own = await decode(pathOf('public/demo/noise.jpg'));
  const magic = { PNG: '89504e47', JPEG: 'ffd8ff', WebP: '52494646' };
  for (const [format, bytes] of Object.entries(magic)) {
    await app.chooseFormat(format);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    const file = await (await download).path();
    const content = await readFile(file);
    expect(content.toString('hex', 0, 4).startsWith(bytes), format).toBe(true);
    const picture = await decode(content);
    expect([picture.width, picture.height], format).toEqual([own.width, own.height]);
  }
});

test('the main thread stays free while the engine runs, and nothing leaves the origin', async () => {
  await finishedJob();
  await app.pick('compression');
  // What else runs on the machine can stop the main thread in the middle of a task. A task that is long by its own work is
  // long every time, so one job of three without any is enough.
  let during: number[] = [];
  for (let attempt = 0; attempt < 3; attempt++) {
    await app.restoreButton.click();
    await app.root('job', 'running');
    const from = await page.evaluate(() => performance.now());
    await app.root('job', 'done');
    const { longTasks } = await app.recording();
    during = longTasks.filter((task) => task.at > from).map((task) => Math.round(task.ms));
    console.log(`tasks of the main thread over 50 ms during a job: ${JSON.stringify(during)}`);
    if (during.length === 0) break;
  }
  expect(during).toEqual([]);
  expect(app.strangers).toEqual([]);
  expect(app.errors).toEqual([]);
});

test('cancel gives the controls back within 300 ms and the next job works', async () => {
  // Large enough to be still at work when the last cancel comes.
  const large = await sharp(pathOf('public/demo/noise.jpg')).resize(1920, 1080).jpeg().toBuffer();
  await app.replacePhoto({ name: 'large.jpg', mimeType: 'image/jpeg', buffer: large });
  const waits: number[] = [];
  for (const delay of [0, 400, 1500]) {
    await app.begin('noise');
    await page.waitForTimeout(delay);
    waits.push(await app.cancelNow());
  }
  console.log(`cancel: ${waits.map((ms) => Math.round(ms)).join(', ')} ms`);
  expect(Math.max(...waits)).toBeLessThan(300);
  await app.openPhoto(fromRepo('public/demo/noise.jpg'));
  await app.restore('noise');
});

test('a photo with EXIF orientation comes out upright', async () => {
  await app.replacePhoto(await rotatedJpeg('e2e/fixtures/low-light-96.png'));
  await app.restore('low-light');
  const clean = await decode(pathOf('e2e/fixtures/low-light-96-clean.png'));
  const before = psnr(await decode(pathOf('e2e/fixtures/low-light-96.png')), clean);
  const after = psnr(await app.result(), clean);
  console.log(`low light, 96 px: ${before.toFixed(2)} dB -> ${after.toFixed(2)} dB`);
  expect(after).toBeGreaterThan(before + 1);
});

// A task that looks at the whole photo first. Four tasks, in Node: tools/restore/embedded-pack.test.ts.
test('improves the demo photo of haze', async () => {
  await app.replacePhoto(fromRepo('public/demo/haze.jpg'));
  await app.restore('haze');
  const clean = await decode(pathOf('e2e/fixtures/haze-clean.jpg'));
  const before = psnr(await decode(pathOf('public/demo/haze.jpg')), clean);
  const after = psnr(await app.result(), clean);
  console.log(`haze on wasm: ${before.toFixed(2)} dB -> ${after.toFixed(2)} dB`);
  expect(after).toBeGreaterThan(before);
});
