/** On a phone: the camera is offered, and what it took is opened. */
import { expect, test } from '@playwright/test';
import { App } from './support/app.ts';
import { pathOf } from './support/files.ts';

const PHOTO = 'e2e/fixtures/noise-96.png';

test.describe('with a finger as the pointer', () => {
  test.use({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 } });

  test('the camera is offered, and a photo that it took is opened', async ({ page }) => {
    const app = await App.open(page, { engine: 'wasm' });
    const chooser = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: 'Take a photo' }).tap();
    const camera = await chooser;
    expect(await camera.element().getAttribute('capture')).toBe('environment');
    expect(await camera.element().getAttribute('accept')).toBe('image/*');
    expect(camera.isMultiple()).toBe(false);
    await camera.setFiles(pathOf(PHOTO));
    await expect(app.canvas).toBeVisible();
    await expect(app.restoreButton).toBeEnabled({ timeout: 60_000 });
    // The whole page fits the phone.
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);

    // Two fingers spread: the photo grows about their middle.
    const shown = page.locator('.stage-photo');
    const scale = () => shown.evaluate((element) => new DOMMatrix(getComputedStyle(element).transform).a);
    const before = await scale();
    const box = await shown.boundingBox();
    if (!box) throw new Error('no photo on the stage');
    const touches = await page.context().newCDPSession(page);
    const fingers = (apart: number) =>
      [-1, 1].map((side, id) => ({ x: box.x + box.width / 2 + side * apart, y: box.y + box.height / 2, id }));
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', points: ReturnType<typeof fingers>) =>
      touches.send('Input.dispatchTouchEvent', { type, touchPoints: points });
    await touch('touchStart', fingers(30));
    for (const apart of [40, 50, 60]) await touch('touchMove', fingers(apart));
    await touch('touchEnd', []);
    expect((await scale()) / before).toBeCloseTo(2, 1);
  });

  test('picking a file stays possible and does not ask for the camera', async ({ page }) => {
    const app = await App.open(page, { engine: 'wasm' });
    const chooser = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: 'Open a photo' }).last().tap();
    const files = await chooser;
    expect(await files.element().getAttribute('capture')).toBeNull();
    await files.setFiles(pathOf(PHOTO));
    await expect(app.canvas).toBeVisible();
  });
});

test('with a mouse there is no camera button', async ({ page }) => {
  await App.open(page, { engine: 'wasm' });
  await expect(page.getByRole('button', { name: 'Take a photo' })).toHaveCount(0);
});
