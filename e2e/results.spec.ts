/** What a person does with results: strength, brush, side by side, chains, undo, the view of what changed. */
import { type BrowserContext, expect, type Locator, type Page, test } from '@playwright/test';
import { readMetadata } from '../workers/photo/meta/read.ts';
import { readRecipes } from '../workers/photo/meta/xmp.ts';
import { App } from './support/app.ts';
import { arrive, installLaunchQueue } from './support/arrive.ts';
import { fromRepo, pathOf } from './support/files.ts';
import { expectNoViolations, keepLooks } from './support/looks.ts';
import { decode, type Pixels } from './support/pixels.ts';

let context: BrowserContext;
let page: Page;
let app: App;

test.beforeAll(async ({ browser }) => {
  // axe needs a context that it can open a page of its own in.
  context = await browser.newContext();
  page = await context.newPage();
  await page.addInitScript(installLaunchQueue);
  app = await App.open(page, { engine: 'wasm' });
  await app.openPhoto(fromRepo('e2e/fixtures/noise-96.png'));
  await app.restore('noise');
});
test.afterAll(() => context.close());

/** What Save writes: the file that a person gets, with strength and mask in it. */
async function savedFile(): Promise<Buffer> {
  await app.chooseFormat('PNG');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const chunks: Buffer[] = [];
  for await (const chunk of await (await download).createReadStream()) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const given = () => decode(pathOf('e2e/fixtures/noise-96.png'));

/** Mean difference of two pictures in a square. */
function difference(a: Pixels, b: Pixels, left = 0, top = 0, side = 96): number {
  let sum = 0;
  for (let y = top; y < top + side; y++) {
    for (let i = 3 * (y * a.width + left); i < 3 * (y * a.width + left + side); i++) {
      sum += Math.abs((a.data[i] as number) - (b.data[i] as number));
    }
  }
  return sum / (3 * side * side);
}

/** The canvas against the original's: 0 where they are the same. */
const onCanvas = () =>
  page.evaluate(() => {
    const read = (name: string) => {
      const canvas = document.querySelector<HTMLCanvasElement>(`[data-testid="${name}"]`);
      return canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? new Uint8ClampedArray();
    };
    const [a, b] = [read('canvas'), read('original')];
    return a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] ?? 0)), 0) / a.length;
  });

test('strength blends live and goes into the file', async () => {
  const full = await onCanvas();
  expect(full).toBeGreaterThan(0.5);
  const whole = difference(await decode(await savedFile()), await given());
  const slider = page.getByRole('slider', { name: 'Strength' });
  await slider.focus();
  await page.keyboard.press('Home');
  await expect.poll(onCanvas).toBe(0);
  expect(difference(await decode(await savedFile()), await given())).toBe(0);
  // Saving took the focus.
  await slider.focus();
  for (let i = 0; i < 5; i++) await page.keyboard.press('PageUp');
  await expect(slider).toHaveAttribute('aria-valuetext', /50\s?%/);
  await expect.poll(onCanvas).toBeGreaterThan(full * 0.4);
  const half = await savedFile();
  expect(difference(await decode(half), await given()) / whole).toBeCloseTo(0.5, 1);
  expect(readRecipes((await readMetadata('png', new Blob([new Uint8Array(half)]))).xmp).at(-1)?.strength).toBe(0.5);
  await slider.focus();
  await page.keyboard.press('End');
  // One entry for each key; one for a drag, however many stops it has.
  await page.getByRole('button', { name: /^Undo/ }).click();
  await expect(slider).toHaveAttribute('aria-valuetext', /50\s?%/);
  await page.getByRole('button', { name: /^Redo/ }).click();
  const box = await slider.locator('..').boundingBox();
  if (!box) throw new Error('no thumb');
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x - 90, y, { steps: 6 });
  await page.mouse.up();
  await expect(slider).not.toHaveAttribute('aria-valuetext', /100\s?%/);
  await page.getByRole('button', { name: /^Undo/ }).click();
  await expect(slider).toHaveAttribute('aria-valuetext', /100\s?%/);
});

test('a brush limits where, by keyboard and by pen, and strokes can be undone', async () => {
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /^Brush/ }).click();
  const layer = page.getByTestId('brush');
  await layer.focus();
  await page.keyboard.press(' ');
  const dab = await decode(await savedFile());
  const original = await given();
  expect(difference(dab, original, 44, 44, 8)).toBeGreaterThan(0.5);
  expect(difference(dab, original, 0, 0, 16)).toBe(0);

  // A pen that is pressed harder paints wider.
  const width = async (pressure: number) => {
    const before = await decode(await savedFile());
    await layer.evaluate((element, force) => {
      const box = document.querySelector('.stage-photo')?.getBoundingClientRect();
      const own = element.getBoundingClientRect();
      if (!box) return;
      const [x, y] = [box.left + box.width * 0.15, box.top + box.height * 0.15];
      const init = {
        bubbles: true,
        pointerId: 7,
        pointerType: 'pen',
        isPrimary: true,
        pressure: force,
        clientX: x,
        clientY: y,
      };
      element.setPointerCapture = () => undefined;
      if (own.width > 0) {
        element.dispatchEvent(new PointerEvent('pointerdown', { ...init, button: 0, buttons: 1 }));
        element.dispatchEvent(new PointerEvent('pointerup', { ...init, button: 0 }));
      }
    }, pressure);
    const after = await decode(await savedFile());
    await page.getByRole('button', { name: /^Undo/ }).click();
    return after.data.filter((value, i) => value !== before.data[i]).length;
  };
  const light = await width(0.3);
  const firm = await width(1);
  expect(light).toBeGreaterThan(0);
  expect(firm).toBeGreaterThan(2 * light);

  await page.keyboard.press('Control+z');
  const undone = await decode(await savedFile());
  expect(difference(undone, original, 0, 0, 16)).toBeGreaterThan(0.3);
  await page.keyboard.press('Control+y');
  expect(difference(await decode(await savedFile()), original, 0, 0, 16)).toBe(0);
  await page.getByRole('button', { name: 'Restore everywhere' }).click();
  await page.getByRole('button', { name: /^Brush/ }).click();
  await expect(layer).toHaveCount(0);
});

test('shows where and how much the photo changed', async () => {
  await page.getByRole('button', { name: /^Show what changed/ }).click();
  await expect(page.getByTestId('heat')).toBeVisible();
  await expect(page.getByText(/\d+(\.\d+)? dB/)).toBeVisible();
  await expect(page.getByText('Pixels changed')).toBeVisible();
  await page.getByRole('button', { name: /^Show what changed/ }).click();
  await expect(page.getByTestId('heat')).toBeHidden();
});

test('a restoration can go on from a result; results stand side by side and are undone', async () => {
  const first = await decode(await savedFile());
  await page.getByRole('button', { name: 'This result', exact: true }).click();
  await app.restore('haze');
  const chained = await savedFile();
  const { xmp } = await readMetadata('png', new Blob([new Uint8Array(chained)]));
  expect(readRecipes(xmp).map(({ task }) => task)).toEqual(['noise', 'haze']);
  expect(difference(await decode(chained), first)).toBeGreaterThan(0.3);

  await page.getByRole('button', { name: /^Results side by side/ }).click();
  const sheet = page.getByRole('dialog');
  await expect(sheet.getByRole('listitem')).toHaveCount(3);
  await expect(sheet.getByText('Noise → Haze', { exact: true })).toBeVisible();
  await expectNoViolations(page);
  await sheet.getByRole('listitem').nth(1).getByRole('button', { name: 'Use this one' }).click();
  await expect(sheet).toHaveCount(0);
  expect(difference(await decode(await savedFile()), first)).toBe(0);
  await page.keyboard.press('Control+z');
  expect(difference(await decode(await savedFile()), await decode(chained))).toBe(0);
  expect(app.errors).toEqual([]);
});

test('axe finds nothing with the brush out and the numbers shown; screenshots are kept', async () => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.getByRole('button', { name: /^Brush/ }).click();
  await page.getByRole('button', { name: /^Show what changed/ }).click();
  await expect(page.getByTestId('heat')).toBeVisible();
  await keepLooks(page, 'results');
});

test('that almost nothing changed is said, so that nobody looks for it', async () => {
  await app.replacePhoto(fromRepo('e2e/fixtures/noise-96-clean.png'));
  await app.restore('haze');
  await expect(page.getByRole('note').filter({ hasText: 'Almost nothing changed' })).toBeVisible();
  await expect(page.getByRole('status')).toContainText('Almost nothing changed');
});

test('another engine is asked about before the results go with the one that has them', async () => {
  const chooseProcessor = async () => {
    await page.getByRole('button', { name: 'Settings' }).click();
    const engine = page.getByRole('combobox', { name: 'Engine' });
    await expect(engine).toHaveText('Best that works');
    await engine.press('Enter');
    await page.getByRole('option', { name: 'Processor (WebAssembly)' }).press('Enter');
    await expect(page.getByRole('alertdialog', { name: 'Let this photo' })).toBeVisible();
  };
  await chooseProcessor();
  await keepLooks(page, 'restart');
  await page.getByRole('button', { name: 'Keep the results' }).press('Enter');
  await expect(page.getByRole('combobox', { name: 'Engine' })).toHaveText('Best that works');
  await page.keyboard.press('Escape');
  expect((await decode(await savedFile())).width).toBe(96);

  await chooseProcessor();
  await page.getByRole('button', { name: 'Start anew' }).press('Enter');
  await expect(page.getByRole('combobox', { name: 'Engine' })).toHaveText('Processor (WebAssembly)');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: 'Save', exact: true })).toBeHidden();
  await app.restore('haze');
  expect((await decode(await savedFile())).width).toBe(96);
  expect(app.errors).toEqual([]);
});

const other = { ...fromRepo('e2e/fixtures/noise-64.png'), name: 'other.png' };
const many = ['one.png', 'two.png'].map((name) => ({ ...other, name }));
const queue = () => page.getByRole('heading', { name: 'Many photos' });
const opened = () => page.getByRole('heading', { name: 'other.png' });

/** What closes a photo, and what is there in its place. */
const CLOSING: [string, () => Promise<unknown>, () => Locator][] = [
  ['the key of the queue', () => page.keyboard.press('q'), queue],
  ['dropping several photos', () => arrive(page, 'drop', many), queue],
  ['choosing several photos', () => page.locator('input[type="file"]').first().setInputFiles(many), queue],
  ['dropping another photo', () => arrive(page, 'drop', [other]), opened],
  ['pasting another photo', () => arrive(page, 'paste', [other]), opened],
  ['choosing another photo', () => app.drop(other), opened],
  ['opening another photo with the app', () => arrive(page, 'open with', [other]), opened],
  ['closing it', () => page.keyboard.press('Control+Backspace'), () => page.getByText('Drop a photo here')],
];

/** A photo without results, whatever was there before. */
async function photoAlone(): Promise<void> {
  const leave = page.getByRole('button', { name: 'Close the queue' });
  if (await leave.isVisible()) await leave.click();
  await app.replacePhoto(fromRepo('e2e/fixtures/noise-96.png'));
}

const asItStands = () =>
  page.evaluate(() => ({
    name: document.querySelector('h1')?.textContent,
    picture: document.querySelector<HTMLCanvasElement>('[data-testid="canvas"]')?.toDataURL(),
    job: document.documentElement.dataset.job,
  }));

for (const [way, close, there] of CLOSING) {
  test(`${way} is asked about before a result goes that was not saved, with the keyboard alone`, async () => {
    await photoAlone();
    await app.restore('noise');
    const before = await asItStands();
    const keep = app.leaveQuestion.getByRole('button', { name: 'Keep it open' });
    await app.restoreButton.focus();
    for (const key of ['Escape', 'Enter']) {
      await close();
      await expect(keep).toBeFocused();
      await page.keyboard.press(key);
      await expect(app.leaveQuestion).toHaveCount(0);
      // Time for what would come in all the same.
      await page.waitForTimeout(300);
      await expect(there()).toHaveCount(0);
      expect(await asItStands()).toEqual(before);
      await expect(app.restoreButton).toBeFocused();
    }
    await close();
    await expect(keep).toBeFocused();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await expect(there()).toBeVisible();
    await expect(app.leaveQuestion).toHaveCount(0);
    expect(app.errors).toEqual([]);
  });
}

test('nothing is asked where nothing would be lost: no result, or one that was saved as it is shown', async () => {
  const closed = async (close: () => Promise<unknown>, there: () => Locator) => {
    await close();
    await expect(there()).toBeVisible();
    await expect(app.leaveQuestion).toHaveCount(0);
  };
  for (const [, close, there] of CLOSING) {
    await photoAlone();
    await closed(close, there);
  }
  // What was restored and saved goes by the same door: one to the queue and one to another photo are enough.
  for (const [close, there] of [
    [() => page.keyboard.press('q'), queue],
    [() => arrive(page, 'drop', [other]), opened],
  ] as const) {
    await photoAlone();
    await app.restore('noise');
    await savedFile();
    await closed(close, there);
  }
});

test('what is changed after it was saved is asked about, and no more once that is undone', async () => {
  await photoAlone();
  await app.restore('noise');
  await savedFile();
  await page.getByRole('slider', { name: 'Strength' }).press('Home');
  await page.keyboard.press('q');
  await expect(app.leaveQuestion).toBeVisible();
  await keepLooks(page, 'leave');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+z');
  await page.keyboard.press('q');
  await expect(queue()).toBeVisible();
});

test('a job that runs beside an earlier result goes on while that is asked, and Escape is no cancel', async () => {
  await photoAlone();
  await app.restore('noise');
  await app.chooseSteps(8);
  await app.begin('noise');
  await page.keyboard.press('p');
  await expect(page.locator('html')).toHaveAttribute('data-paused', '');
  await page.keyboard.press('q');
  await expect(app.leaveQuestion).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(app.leaveQuestion).toHaveCount(0);
  await app.root('job', 'running');
  await page.keyboard.press('p');
  await app.root('job', 'done');
});

test('photos that are dropped on a dialog are asked about over it', async () => {
  await page.keyboard.press('r');
  const sheet = page.getByRole('dialog', { name: 'Results side by side' });
  await expect(sheet).toBeVisible();
  const shown = await sheet.getByRole('listitem').count();
  await arrive(page, 'drop', many);
  await expect(app.leaveQuestion.getByRole('button', { name: 'Keep it open' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(app.leaveQuestion).toHaveCount(0);
  await expect(sheet).toBeVisible();
  await expect(sheet.getByRole('listitem')).toHaveCount(shown);
  expect(app.errors).toEqual([]);
});

test('the browser asks before the tab is loaded again over results that were not saved, and only then', async () => {
  const asked: string[] = [];
  const loaded = async () => {
    await page.reload();
    await app.root('engine-state', 'ready');
  };
  await loaded(); // without what an earlier test has left
  page.on('dialog', (dialog) => {
    asked.push(dialog.type());
    void dialog.accept();
  });
  await photoAlone();
  await app.restore('noise');
  await loaded();
  expect(asked).toEqual(['beforeunload']);
  await photoAlone();
  await loaded();
  await photoAlone();
  await app.restore('noise');
  await savedFile();
  await loaded();
  expect(asked).toEqual(['beforeunload']);
});
