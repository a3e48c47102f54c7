/** The built app in Chromium: one photo of 512 × 512 px, start to end, and cancelling. */
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { chromium, type Page } from '@playwright/test';
import sharp from 'sharp';
import { App } from '../../e2e/support/app.ts';
import { type DroppedFile, pathOf } from '../../e2e/support/files.ts';
import { Server } from '../../e2e/support/server.ts';
import { findBrowser } from '../../tools/browser.mjs';
import { percentile } from '../support/percentile.ts';
import { bundleBytes } from './bundle.ts';

const OPTIONS = {
  engine: { type: 'string', default: 'wasm' },
  size: { type: 'string', default: '512' },
  runs: { type: 'string', default: '3' },
  cancels: { type: 'string', default: '10' },
} as const;

/**
 * `--engine wasm|webgpu --size 512 --runs 3 --cancels 10`. The figures are of the run with the median total time.
 * Times in ms, sizes in bytes.
 */
export async function benchMain(args: string[]): Promise<object> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (!existsSync(pathOf('dist/index.html'))) throw new Error('Run "npm run build" first.');
  const side = Number(values.size);
  const photo = await squarePhoto(side);
  const server = await Server.start();
  const browser = await chromium.launch({
    executablePath: await findBrowser(),
    args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
  });
  try {
    const page = await browser.newPage();
    const started = performance.now();
    const app = await App.open(page, { engine: values.engine }, server.url);
    await app.openPhoto(photo);
    await app.root('engine-state', 'ready');
    const startMs = Math.round(performance.now() - started);
    const runs = [];
    for (let i = 0; i < Number(values.runs); i++) {
      runs.push(await oneRun(page));
      console.error(`run ${i + 1}: ${runs.at(-1)?.milliseconds.total} ms`);
    }
    runs.sort((a, b) => a.milliseconds.total - b.milliseconds.total);
    const median = runs[Math.floor(runs.length / 2)];
    const cancels = await cancelTimes(app, Number(values.cancels), 0.6 * (median?.milliseconds.total ?? 0));
    return {
      chromium: browser.version(),
      cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
      engine: values.engine,
      side,
      startMs,
      ...median,
      runs: runs.length,
      cancelP95Ms: percentile(cancels, 0.95),
      cancels: cancels.length,
      bundle: bundleBytes(pathOf('dist')),
    };
  } finally {
    await browser.close();
    await server.stop();
  }
}

async function squarePhoto(side: number): Promise<DroppedFile> {
  const buffer = await sharp(pathOf('public/demo/noise.jpg')).resize(side, side, { fit: 'cover' }).png().toBuffer();
  return { name: `noise-${side}.png`, mimeType: 'image/png', buffer };
}

/** One job through the same door that the page uses, without the page's own drawing. */
function oneRun(page: Page) {
  return page.evaluate(async () => {
    const started = await window.__engine.start();
    if (!started.ok) throw new Error(started.code);
    const start = performance.now();
    let firstPreviewMs = 0;
    const result = await window.__engine.restore(
      { task: 'noise', steps: started.value.pack.steps.default, seed: 0 },
      (event) => {
        if (event.type !== 'paint') return;
        event.image.close();
        firstPreviewMs ||= performance.now() - start;
      },
    );
    if (!result.ok) throw new Error(`${result.code} ${result.detail}`);
    const { milliseconds, longestCallMs, memory, tiles, steps } = result.value;
    const whole = Object.fromEntries(Object.entries(milliseconds).map(([name, ms]) => [name, Math.round(ms)]));
    return {
      milliseconds: { ...whole, total: Math.round(milliseconds.total) },
      firstPreviewMs: Math.round(firstPreviewMs),
      longestCallMs: Math.round(longestCallMs),
      memory,
      tiles,
      steps,
    };
  });
}

/** From the press of Cancel to Restore being usable again, at moments spread over the first `span` ms of the job. */
async function cancelTimes(app: App, count: number, span: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    await app.restoreButton.click();
    await app.root('job', 'running');
    await app.page.waitForTimeout((span * i) / count);
    times.push(Math.round(await app.cancelNow()));
  }
  return times;
}
