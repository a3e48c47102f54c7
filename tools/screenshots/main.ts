/**
 * Takes the pictures of the README and of the web app manifest from the built app: `npm run build && npm run screenshots`.
 * Writes docs/screenshot.png, public/screenshots/wide.png and narrow.png.
 */
import { mkdir } from 'node:fs/promises';
import { chromium } from '@playwright/test';
import sharp from 'sharp';
import { App } from '../../e2e/support/app.ts';
import { fromRepo, pathOf } from '../../e2e/support/files.ts';
import { Server } from '../../e2e/support/server.ts';
import { findBrowser } from '../browser.mjs';

const SHOTS = [
  { files: ['docs/screenshot.png', 'public/screenshots/wide.png'], width: 1280, height: 800, scale: 1, dark: true },
  { files: ['public/screenshots/narrow.png'], width: 390, height: 844, scale: 2, dark: false },
];
/** The demo photo and how far the divider stands from the left, in per cent. */
const TASK = 'haze';
const SPLIT = 50;

await mkdir(pathOf('public/screenshots'), { recursive: true });
const server = await Server.start();
const browser = await chromium.launch({ executablePath: await findBrowser(), args: ['--no-sandbox'] });
try {
  for (const { files, width, height, scale, dark } of SHOTS) {
    const page = await browser.newPage({
      viewport: { width, height },
      deviceScaleFactor: scale,
      colorScheme: dark ? 'dark' : 'light',
      reducedMotion: 'reduce',
      locale: 'en-GB',
    });
    const app = await App.open(page, { engine: 'wasm' }, server.url);
    await app.openPhoto(fromRepo(`public/demo/${TASK}.jpg`));
    await app.restore(TASK);
    const slider = page.getByRole('slider', { name: 'Compare' });
    for (let at = 50; at !== SPLIT; at += Math.sign(SPLIT - at)) {
      await slider.press(SPLIT > at ? 'ArrowRight' : 'ArrowLeft');
    }
    // No focus ring and no toast in the picture.
    await page.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.blur());
    await page.waitForTimeout(5000);
    const shot = await page.screenshot();
    for (const file of files) {
      await sharp(shot).png({ palette: true, quality: 90, compressionLevel: 9 }).toFile(pathOf(file));
    }
    await page.close();
  }
} finally {
  await browser.close();
  await server.stop();
}
