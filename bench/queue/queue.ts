/** Many photos through the queue of the built app: what photo 500 costs against photo 5, and what stays in memory. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { expect, type Page } from '@playwright/test';
import sharp from 'sharp';
import { App } from '../../e2e/support/app.ts';
import { pathOf } from '../../e2e/support/files.ts';
import { Server } from '../../e2e/support/server.ts';
import { launchWatched, rendererCpuSeconds } from '../support/renderer.ts';

const OPTIONS = {
  count: { type: 'string', default: '500' },
  side: { type: 'string', default: '64' },
  around: { type: 'string', default: '20' },
  window: { type: 'string', default: '100' },
} as const;

/** The first photos pay for what is compiled once. */
const FIRST = 5;

/**
 * `--count 500 --side 64 --around 20 --window 100`. Medians of the ms of `around` photos from the 6th on and up to the last: single
 * photos differ by more than the queue adds. Processor time a photo over `window` photos from the 6th on and up to the last: where
 * the machine has other work, only that tells anything.
 */
export async function benchQueue(args: string[]): Promise<object> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (!existsSync(pathOf('dist/index.html'))) throw new Error('Run "npm run build" first.');
  const [count, side, around] = [Number(values.count), Number(values.side), Number(values.around)];
  const window = Math.min(Number(values.window), Math.floor((count - FIRST) / 2));
  const folder = mkdtempSync(join(tmpdir(), 'bench-queue-'));
  const paths: string[] = [];
  for (let i = 1; i <= count; i++) {
    const path = join(folder, `photo ${String(i).padStart(4, '0')}.png`);
    const noise = Buffer.from(
      Uint8Array.from({ length: 3 * side * side }, (_, k) => (k * 31 + i * 7919 + ((k * i) % 97)) % 256),
    );
    await sharp(noise, { raw: { width: side, height: side, channels: 3 } })
      .png()
      .toFile(path);
    paths.push(path);
  }
  const server = await Server.start();
  const { browser, memory } = await launchWatched(join(folder, 'profile'));
  try {
    const page = await browser.newPage();
    const app = await App.open(page, { engine: 'wasm' }, server.url);
    await app.root('engine-state', 'ready');
    await page.locator('input[type="file"]').first().setInputFiles(paths);
    await expect(page.getByText(`0 of ${count} done`)).toBeVisible({ timeout: 600_000 });
    await expect(page.getByText(/taking in/)).toHaveCount(0, { timeout: 600_000 });
    const before = memory.now();
    const rows = await page.locator('.queue-row').count();
    await page.getByRole('button', { name: 'Restore all' }).click();
    const cpuAfter = async (done: number) => {
      await reached(page, done);
      return rendererCpuSeconds(join(folder, 'profile'));
    };
    const cpu = [await cpuAfter(FIRST), await cpuAfter(FIRST + window), await cpuAfter(count - window)];
    await expect(page.getByText(`${count} of ${count} done`)).toBeVisible({ timeout: 24 * 3600_000 });
    cpu.push(await cpuAfter(count));
    const [a = 0, b = 0, c = 0, d = 0] = cpu;
    const after = memory.now();
    const times = await itemTimes(page);
    const early = median(times.slice(FIRST, FIRST + around));
    const late = median(times.slice(-around));
    return {
      count,
      side,
      earlyMs: early,
      lateMs: late,
      ratio: late / early,
      earlyCpuMs: Math.round((1000 * (b - a)) / window),
      lateCpuMs: Math.round((1000 * (d - c)) / window),
      cpuRatio: (d - c) / (b - a),
      rowsInPage: rows,
      beforeMB: before,
      afterMB: after,
    };
  } finally {
    memory.stop();
    await browser.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Once so many photos are done. */
async function reached(page: Page, done: number): Promise<void> {
  const isReached = (least: number) => {
    const told = /(\d+) of \d+ done/.exec(document.body.innerText)?.[1];
    return told !== undefined && Number(told) >= least;
  };
  await page.waitForFunction(isReached, done, { polling: 100, timeout: 24 * 3600_000 });
}

/** What the app wrote down of each photo, in order. */
const itemTimes = (page: Page): Promise<number[]> =>
  page.evaluate(
    () =>
      new Promise<number[]>((resolve, reject) => {
        const request = indexedDB.open('queue');
        request.onerror = () => reject(request.error);
        request.onsuccess = () => {
          const all = request.result.transaction('items').objectStore('items').getAll();
          all.onerror = () => reject(all.error);
          all.onsuccess = () => {
            const items = all.result as { order: number; milliseconds: number }[];
            resolve(items.sort((a, b) => a.order - b.order).map(({ milliseconds }) => milliseconds));
          };
        };
      }),
  );

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
