/** Time and memory of a 512 × 512 px photo on onnxruntime-web's wasm, ours and MAXIM's smaller model, one after the other. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { z } from 'zod';
import type { Bar } from './bars.ts';
import type { Options } from './options.ts';
import { table } from './tables.ts';
import type { Workshop } from './workshop.ts';

const SIDE = 512;
const result = z.object({ milliseconds: z.array(z.number()), heapBytes: z.number(), rssBytes: z.number() });
const execute = promisify(execFile);

export async function measureCost(workshop: Workshop, options: Options): Promise<{ text: string; bars: Bar[] }> {
  const model = workshop.path('maxim', `deraining-${SIDE}x${SIDE}.onnx`);
  if (!existsSync(model)) {
    await workshop.python('maxim.run', '--cache', options.cache, '--only-model', 'deraining', '--side', String(SIDE));
  }
  const picture = workshop.path(`cost-${SIDE}.png`);
  const clean = await workshop.picture('rain', workshop.recipe.clean[0]?.photo ?? '');
  await sharp(clean.rgb, { raw: { width: clean.width, height: clean.height, channels: 3 } })
    .resize(SIDE, SIDE)
    .png()
    .toFile(picture);
  const ours = await runOf('ours', options.pack, picture, options.threads);
  const maxim = await runOf('maxim', model, picture, options.threads);
  const best = (milliseconds: readonly number[]) => Math.min(...milliseconds) / 1000;
  const row = (name: string, { milliseconds, heapBytes, rssBytes }: z.infer<typeof result>) => [
    name,
    `${best(milliseconds).toFixed(1)} s`,
    `${(heapBytes / 1e6).toFixed(0)} MB`,
    `${(rssBytes / 1e6).toFixed(0)} MB`,
  ];
  const head = [
    `${SIDE} × ${SIDE} px, wasm, ${options.threads} threads`,
    'time',
    'wasm heap at its peak',
    'process at its peak',
  ];
  const share = best(ours.milliseconds) / best(maxim.milliseconds);
  const bytes = await folderBytes(options.pack);
  return {
    text: `${table(head, [row('ours, default steps', ours), row('MAXIM, 2 stages (deraining)', maxim)])}\nload of the machine: ${loadavg()[0]?.toFixed(1)}`,
    bars: [
      {
        what: 'at most half of the time of MAXIM with 2 stages',
        figure: `${(100 * share).toFixed(0)} %`,
        met: share <= 0.5,
      },
      {
        what: 'peak wasm memory under 1.5 GB',
        figure: `${(ours.heapBytes / 1e6).toFixed(0)} MB`,
        met: ours.heapBytes < 1.5e9,
      },
      { what: 'pack at most 32 MB', figure: `${(bytes / 1e6).toFixed(1)} MB`, met: bytes <= 32e6 },
    ],
  };
}

async function runOf(kind: string, model: string, picture: string, threads: number) {
  const script = fileURLToPath(new URL('./cost-run.ts', import.meta.url));
  const args = ['--import', 'tsx', script, kind, model, picture, String(threads)];
  console.error(`cost: ${kind}`);
  const { stdout } = await execute(process.execPath, args, { maxBuffer: 1e7 });
  return result.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
}

async function folderBytes(folder: string): Promise<number> {
  const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
