/** Keyboard only, axe, and what the app looks like. */
import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import sharp from 'sharp';
import { App } from './support/app.ts';
import { fromRepo, pathOf } from './support/files.ts';
import { expectNoViolations } from './support/looks.ts';

let context: BrowserContext;
let page: Page;
let app: App;

test.beforeAll(async ({ browser }) => {
  // axe needs a context that it can open a page of its own in.
  context = await browser.newContext();
  page = await context.newPage();
  // Playwright begins to catch file choosers when somebody listens, and does not wait until the browser knows of it.
  page.on('filechooser', () => undefined);
  app = await App.open(page, { engine: 'wasm' });
});
test.afterAll(() => context.close());

const place = () => page.locator('.stage-photo').evaluate((element) => getComputedStyle(element).transform);
const changesView = async (...keys: string[]) => {
  for (const key of keys) {
    const before = await place();
    await page.keyboard.press(key);
    await expect.poll(place, { message: key }).not.toBe(before);
  }
};

/** Every key cap of the help sheet that the journey below presses. */
const PRESSED = [
  ...[
    'Ctrl+O',
    'Q',
    'Ctrl+Backspace',
    'Ctrl+Enter',
    'P',
    'Esc',
    'Ctrl+S',
    '[',
    ']',
    'K',
    'B',
    'Ctrl+Z',
    'Ctrl+Y',
    'Ctrl+Shift+Z',
    'H',
    'R',
    'O',
    'Space',
    '0',
    '1',
    '+',
    '=',
    '-',
  ],
  ...['Shift+←', 'Shift+→', 'Shift+↑', 'Shift+↓', 'Ctrl+,', 'I', 'M', '?'],
];

test('the whole journey works with the keyboard alone', async () => {
  const chooser = page.waitForEvent('filechooser');
  await page.keyboard.press('Control+o');
  // Large enough to be still at work when Escape comes.
  const large = await sharp(pathOf('public/demo/noise.jpg')).resize(768, 432).png().toBuffer();
  await (await chooser).setFiles({ name: 'noise.png', mimeType: 'image/png', buffer: large });
  await expect(app.restoreButton).toBeEnabled({ timeout: 60_000 });

  // Tab reaches the tasks; arrows choose.
  const noise = page.getByRole('radio', { name: 'Noise' });
  await expect(async () => {
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('radio');
  }).toPass({ timeout: 20_000, intervals: [20] });
  for (let i = 0; i < 12 && !(await noise.isChecked()); i++) await page.keyboard.press('ArrowDown');
  await expect(noise).toBeChecked();
  await app.chooseSteps(2);

  await page.keyboard.press('Control+Enter');
  await app.root('job', 'running');
  await page.keyboard.press('p');
  await expect(page.locator('html')).toHaveAttribute('data-paused', '');
  await expect(page.getByRole('status')).toHaveText('Paused');
  await page.keyboard.press('p');
  await expect(page.locator('html')).not.toHaveAttribute('data-paused');
  await page.keyboard.press('Escape');
  await app.root('job', 'cancelled');
  await page.keyboard.press('Control+Enter');
  await app.root('job', 'done');

  const strip = page.getByRole('slider', { name: 'Steps', exact: true });
  const steps = Number(await strip.getAttribute('aria-valuemax'));
  await page.keyboard.press('[');
  await expect(strip).toHaveAttribute('aria-valuenow', String(steps - 1));
  await page.keyboard.press(']');
  await expect(strip).toHaveAttribute('aria-valuenow', String(steps));
  await page.keyboard.press('[');
  await page.keyboard.press('k');
  await expect(strip).toHaveAttribute('aria-valuetext', /this is the result/, { timeout: 120_000 });
  await expect(strip).toHaveAttribute('aria-valuenow', String(steps - 1));

  const slider = page.getByRole('slider', { name: 'Compare' });
  await slider.focus();
  await page.keyboard.press('Home');
  await expect(slider).toHaveAttribute('aria-valuetext', '0 % original, 100 % restored');
  await page.keyboard.press('End');
  await expect(slider).toHaveAttribute('aria-valuenow', '100');
  await page.keyboard.press('ArrowLeft');
  await expect(slider).toHaveAttribute('aria-valuenow', '99');

  await page.keyboard.press('b');
  await expect(page.getByTestId('brush')).toBeVisible();
  await page.keyboard.press('b');
  await expect(page.getByTestId('brush')).toHaveCount(0);
  const redo = page.getByRole('button', { name: /^Redo/ });
  await page.keyboard.press('Control+z');
  await expect(redo).toBeEnabled();
  await page.keyboard.press('Control+y');
  await expect(redo).toBeDisabled();
  await page.keyboard.press('Control+z');
  await expect(redo).toBeEnabled();
  await page.keyboard.press('Control+Shift+z');
  await expect(redo).toBeDisabled();
  // A text field keeps the keys that edit it: nothing is undone, and the photo stays open.
  const seed = page.getByRole('spinbutton', { name: 'Seed' });
  await seed.press('Control+z');
  await expect(redo).toBeDisabled();
  await seed.press('Control+Backspace');
  await expect(app.canvas).toBeVisible();
  await seed.blur();
  await page.keyboard.press('h');
  await expect(page.getByTestId('heat')).toBeVisible();
  await page.keyboard.press('h');
  await expect(page.getByTestId('heat')).toBeHidden();

  const caption = page.locator('.stage-caption');
  for (const key of ['o', 'Space']) {
    await page.keyboard.down(key);
    await expect(caption).toHaveText('Original');
    await page.keyboard.up(key);
    await expect(caption).toHaveCount(0);
  }
  await changesView('1', '+', '=', '-');
  // Larger than the stage on both axes: only then there is anything to move.
  await changesView('+', '+', '+', '+', '+');
  await changesView('Shift+ArrowLeft', 'Shift+ArrowUp', 'Shift+ArrowRight', 'Shift+ArrowDown', '0');

  const download = page.waitForEvent('download');
  await page.keyboard.press('Control+s');
  expect((await download).suggestedFilename()).toMatch(/noise.*\.png$/);

  for (const [key, title] of [
    ['i', 'About this device'],
    ['Control+,', 'Settings'],
    ['m', 'Model packs'],
    ['r', 'Results side by side'],
    ['?', 'Keyboard shortcuts'],
  ] as const) {
    await page.keyboard.press(key);
    await expect(page.getByRole('dialog', { name: title })).toBeVisible();
    if (key === '?') {
      // Nothing on the help sheet is left untried above.
      const shown = await page.locator('.keys').evaluateAll((rows) =>
        rows.flatMap((row) => {
          const parts: string[][] = [[]];
          for (const part of row.children) {
            if (part.tagName === 'KBD') parts.at(-1)?.push(part.textContent ?? '');
            else parts.push([]);
          }
          return parts.map((keys) => keys.join('+'));
        }),
      );
      expect(shown.length).toBeGreaterThan(10);
      expect(shown.filter((keys) => !PRESSED.includes(keys))).toEqual([]);
    }
    await page.keyboard.press('Escape');
    await expect(page.getByRole('dialog')).toHaveCount(0);
  }

  await page.keyboard.press('Control+Backspace');
  await expect(page.getByText('Drop a photo here')).toBeVisible();
  await page.keyboard.press('q');
  await expect(page.getByRole('heading', { name: 'Many photos' })).toBeVisible();
  await page.getByRole('button', { name: 'Close the queue' }).press('Enter');
  await expect(page.getByText('Drop a photo here')).toBeVisible();
});

const SIZES = [
  { width: 360, height: 740 },
  { width: 768, height: 1024 },
  { width: 1280, height: 800 },
  { width: 3840, height: 2160 },
];

async function axe(where: string): Promise<void> {
  // Fading parts would be measured half transparent.
  await page.waitForTimeout(350);
  await expectNoViolations(page, undefined, where);
}

test('axe finds nothing, in both themes, wide and narrow; screenshots are kept', async () => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const states: [string, () => Promise<void>][] = [
    ['empty', async () => {}],
    [
      'result',
      async () => {
        await page.setViewportSize({ width: 1280, height: 800 });
        await app.openPhoto(fromRepo('public/demo/noise.jpg'));
        await app.restore('noise');
      },
    ],
  ];
  for (const [state, prepare] of states) {
    await prepare();
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const size of SIZES) {
        await page.setViewportSize(size);
        const name = `${state}-${colorScheme}-${size.width}`;
        if (size.width === 360 || size.width === 1280) await axe(name);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(overflow, name).toBeLessThanOrEqual(0);
        await page.screenshot({ path: pathOf(`test-results/screens/${name}.png`) });
      }
    }
  }
});

test('axe finds nothing in the dialogs', async () => {
  await page.setViewportSize({ width: 1280, height: 800 });
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const name of ['Settings', 'About this device', 'Model packs', 'Keyboard shortcuts']) {
      await page.getByRole('button', { name }).first().click();
      await expect(page.getByRole('dialog', { name })).toBeVisible();
      await axe(`${name}, ${colorScheme}`);
      await page.screenshot({ path: pathOf(`test-results/screens/${name.replaceAll(' ', '-')}-${colorScheme}.png`) });
      await page.keyboard.press('Escape');
      await expect(page.getByRole('dialog')).toHaveCount(0);
    }
  }
  expect(app.errors).toEqual([]);
});

test('the device report is copied, and holds nothing of the photo', async () => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.getByRole('button', { name: 'About this device' }).first().click();
  await page.getByRole('button', { name: 'Copy the report' }).click();
  await expect(page.getByText('The report is copied').first()).toBeVisible();
  const report = await page.evaluate(() => navigator.clipboard.readText());
  for (const part of ['wasm', 'self-test', 'small', 'MB']) expect(report.toLowerCase()).toContain(part.toLowerCase());
  expect(report).not.toMatch(/noise\.(jpg|png)|data:|blob:/);
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
});

test('speaks Chinese', async ({ browser }) => {
  const other = await browser.newPage({ locale: 'zh-CN' });
  await other.goto('./');
  await expect(other.locator('html')).toHaveAttribute('lang', /^zh/);
  await expect(other.locator('body')).toContainText(/[\u4e00-\u9fff]{4}/);
  await other.close();
});

test('one button deletes all photos and data', async () => {
  const stored = () =>
    page.evaluate(async () => ({
      caches: (await caches.keys()).filter((name) => !name.includes('precache')),
      local: localStorage.length,
      databases: (await indexedDB.databases()).map((database) => database.name),
    }));
  expect((await stored()).caches.length).toBeGreaterThan(0);
  await page.getByRole('button', { name: 'Settings' }).first().click();
  await page.getByRole('button', { name: 'Delete all photos and data' }).click();
  await page.getByRole('button', { name: 'Delete all', exact: true }).click();
  await expect.poll(stored, { timeout: 20_000 }).toMatchObject({ caches: [] });
  await expect(page.getByText('Drop a photo here')).toBeVisible();
  const left = await page.evaluate(async () => {
    const entries: unknown[] = [];
    for (const { name } of await indexedDB.databases()) {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const request = indexedDB.open(name ?? '');
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
      for (const store of database.objectStoreNames) {
        const request = database.transaction(store).objectStore(store).getAll();
        entries.push(
          ...(await new Promise<unknown[]>((resolve) => (request.onsuccess = () => resolve(request.result)))),
        );
      }
      database.close();
    }
    return entries;
  });
  expect(left).toEqual([]);
});
