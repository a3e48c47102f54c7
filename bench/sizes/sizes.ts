/**
 * Photos of 12, 50 and 100 megapixels through the built app: memory of the renderer above what it has at rest, while the photo
 * is opened, restored (one step, on every tenth tile; the others go through the same decode, tile and encode path) and saved.
 * With `--others copy` those others are cut and blended only, without the VAE: what a tile takes in the model does not depend
 * on the size of the photo, and the time of 100 megapixels does.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { expect, type Page } from '@playwright/test';
import sharp from 'sharp';
import { App } from '../../e2e/support/app.ts';
import { pathOf } from '../../e2e/support/files.ts';
import { Server } from '../../e2e/support/server.ts';
import type { ExportFormat } from '../../workers/protocol.ts';
import { launchWatched, type MemoryWatch } from '../support/renderer.ts';

const OPTIONS = {
  megapixels: { type: 'string', default: '12,50,100' },
  format: { type: 'string', default: 'jpeg' },
  every: { type: 'string', default: '10' },
  // What the other tiles go through: the VAE, or nothing but cutting and blending.
  others: { type: 'string', default: 'vae' },
  // Opening and saving alone, where there is no time for the tiles.
  job: { type: 'string', default: 'on' },
  // A wide space is decoded again when the result is saved: the heaviest way out.
  profile: { type: 'string', default: 'srgb' },
} as const;

/**
 * `--megapixels 12,50,100 --format jpeg|png --every 10 --others vae|copy --job on|off --profile srgb|p3`. MB are 10^6 bytes,
 * above the renderer at rest. SIGUSR2 to this process holds the job and lets it go on, for machines that others need in between.
 */
export async function benchSizes(args: string[]): Promise<object> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (!existsSync(pathOf('dist/index.html'))) throw new Error('Run "npm run build" first.');
  const folder = mkdtempSync(join(tmpdir(), 'bench-sizes-'));
  const format: ExportFormat = values.format === 'png' ? 'png' : 'jpeg';
  const server = await Server.start();
  const sizes: object[] = [];
  console.error(`kill -USR2 ${process.pid} holds the job and lets it go on.`);
  try {
    for (const megapixels of values.megapixels.split(',').map(Number)) {
      const path = join(folder, `${megapixels}.${format}`);
      const size = await drawPhoto(path, megapixels, format, values.profile);
      const { browser, memory } = await launchWatched(join(folder, `profile-${megapixels}`));
      try {
        const page = await browser.newPage();
        const app = await App.open(page, { engine: 'wasm' }, server.url);
        await app.root('engine-state', 'ready');
        await page.waitForTimeout(1000);
        const one = {
          megapixels,
          ...size,
          format,
          profile: values.profile,
          others: values.others,
          ...(await measure(app, path, format, memory, {
            every: values.job === 'on' ? Number(values.every) : null,
            vae: values.others === 'vae',
          })),
        };
        console.error(JSON.stringify(one));
        sizes.push(one);
      } finally {
        memory.stop();
        await browser.close();
      }
    }
    return { sizes };
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** 4:3, soft colours with noise on them: neither empty nor all noise. */
async function drawPhoto(path: string, megapixels: number, format: ExportFormat, profile: string) {
  const width = Math.round(Math.sqrt((megapixels * 1e6 * 4) / 3));
  const height = Math.round((megapixels * 1e6) / width);
  const small = Buffer.from(Uint8Array.from({ length: 3 * 64 * 48 }, (_, i) => 60 + ((i * 7919) % 140)));
  const image = sharp(small, { raw: { width: 64, height: 48, channels: 3 }, limitInputPixels: false }).resize(
    width,
    height,
  );
  if (profile === 'p3') image.withIccProfile('p3');
  await (format === 'png' ? image.png({ compressionLevel: 1 }) : image.jpeg({ quality: 90 })).toFile(path);
  return { width, height };
}

interface Which {
  /** Every n-th tile goes through the transformer; null: there is no job. */
  readonly every: number | null;
  /** The others still go through the VAE. */
  readonly vae: boolean;
}

async function measure(app: App, path: string, format: ExportFormat, memory: MemoryWatch, which: Which) {
  const { page } = app;
  const { every } = which;
  const job = every !== null;
  const idle = memory.now();
  memory.peak();
  const seconds = async (work: () => Promise<unknown>) => {
    const start = performance.now();
    await work();
    return Math.round((performance.now() - start) / 100) / 10;
  };
  const openSeconds = await seconds(async () => {
    await page.locator('input[type="file"]').first().setInputFiles(path);
    await expect(app.restoreButton).toBeEnabled({ timeout: 600_000 });
    await expect(app.canvas).toBeVisible({ timeout: 600_000 });
  });
  const open = memory.peak() - idle;
  let tiles = 0;
  const jobSeconds = job ? await seconds(async () => (tiles = await restore(page, every, which.vae))) : 0;
  const restored = memory.peak() - idle;
  const saveSeconds = await seconds(() => save(page, format, job));
  const saved = memory.peak() - idle;
  const peak = Math.max(open, restored, saved);
  return {
    idleMB: idle,
    openMB: open,
    jobMB: restored,
    saveMB: saved,
    peakMB: peak,
    tiles,
    openSeconds,
    jobSeconds,
    saveSeconds,
  };
}

async function restore(page: Page, every: number, vae: boolean): Promise<number> {
  let held = false;
  const toggle = () => {
    held = !held;
    void page.evaluate((on) => window.__engine.pause(on), held);
  };
  process.on('SIGUSR2', toggle);
  const tiles = await page.evaluate(
    async (left) => {
      const request = { task: 'noise' as const, steps: 1, seed: 0, ...left, keep: true };
      const result = await window.__engine.restore(request, (event) => {
        if (event.type === 'paint') event.image.close();
      });
      if (!result.ok) throw new Error(`${result.code} ${result.detail}`);
      return result.value.tiles;
    },
    vae ? { ditEvery: every } : { modelEvery: every },
  );
  process.off('SIGUSR2', toggle);
  return tiles;
}

const save = (page: Page, format: ExportFormat, job: boolean): Promise<number> =>
  page.evaluate(
    async ([wanted, hasResult]) => {
      const layers = hasResult ? {} : { layers: [] };
      const result = await window.__engine.save({ format: wanted, quality: 0.92, ...layers });
      if (!result.ok) throw new Error(`${result.code} ${result.detail}`);
      return result.value.file.size;
    },
    [format, job] as const,
  );
