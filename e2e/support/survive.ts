/** What the tests of jobs that survive share: jobs of many steps, and faults that are really caused. */
import { type BrowserContext, expect, type Page } from '@playwright/test';
import sharp from 'sharp';
import { App, type Params } from './app.ts';
import { type DroppedFile, pathOf } from './files.ts';

/** Steps of these jobs: the most that the embedded pack allows, so that there is time to cause something. */
export const STEPS = 8;

/** A square of the demo photo with noise. */
export async function noisyPhoto(side: number): Promise<DroppedFile> {
  const buffer = await sharp(pathOf('public/demo/noise.jpg')).resize(side, side, { fit: 'cover' }).png().toBuffer();
  return { name: `noise-${side}.png`, mimeType: 'image/png', buffer };
}

/** Opens the app and a photo, and asks for so many steps. */
export async function ready(
  page: Page,
  params: Params,
  photo: DroppedFile,
  base?: string,
  steps = STEPS,
): Promise<App> {
  const app = await App.open(page, params, base);
  await app.openPhoto(photo);
  await app.root('engine-state', 'ready');
  await app.chooseSteps(steps);
  return app;
}

/** Waits until the job has done so many steps. */
export async function afterSteps({ page }: App, count: number): Promise<void> {
  await page.waitForFunction((least) => document.querySelectorAll('.film-frame').length >= least, count, {
    polling: 50,
    timeout: 120_000,
  });
}

/** No switch of the page asks for first-block caching. The next job has it; one that goes on has it from what was kept. */
export function cachingOnce(page: Page): Promise<void> {
  return page.evaluate(() => {
    const own = window.__engine.restore;
    window.__engine.restore = (request, ...rest) => {
      window.__engine.restore = own;
      return own.call(window.__engine, { ...request, firstBlockCache: 0.9 }, ...rest);
    };
  });
}

export const offer = (page: Page) => page.getByRole('region', { name: /^Continue restoring/ });

/** Steps that the offer says are done. */
export async function offeredStep(page: Page): Promise<number> {
  await expect(offer(page)).toBeVisible({ timeout: 60_000 });
  const text = await offer(page).innerText();
  return Number(/step (\d+) of/.exec(text)?.[1]);
}

/** Waits for the end of a job that goes on: its result, whole film strip and nothing left of it on the disk. */
export async function wellEnded(app: App): Promise<void> {
  await app.root('job', 'done');
  await expect(app.page.locator('.film-frame')).toHaveCount(STEPS);
  await expect.poll(() => keptFiles(app.page)).toEqual([]);
  await expect(offer(app.page)).toHaveCount(0);
}

/** Files of unfinished jobs in the private file system, as "job/file". A job that is deleted meanwhile has none. */
export function keptFiles(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const names: string[] = [];
    const gone = (error: unknown) => {
      if (!(error instanceof DOMException && error.name === 'NotFoundError')) throw error;
    };
    try {
      const jobs = await root.getDirectoryHandle('jobs');
      for await (const [job, folder] of jobs.entries()) {
        if (folder.kind !== 'directory') continue;
        try {
          for await (const name of (folder as FileSystemDirectoryHandle).keys()) names.push(`${job}/${name}`);
        } catch (error) {
          gone(error);
        }
      }
    } catch (error) {
      gone(error);
    }
    return names;
  });
}

/** A page of the app's origin without the app, to get at its files before the app does. */
export async function besideApp(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto('robots-or-anything.txt');
  return page;
}

/** The renderer process dies: no event, no message, nothing is tidied up. */
export async function crash(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const crashed = page.waitForEvent('crash');
  void session.send('Page.crash').catch(() => undefined);
  await crashed;
  await page.close();
}
