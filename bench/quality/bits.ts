/** Packs of other weight formats, built from the training's state, on the frozen set. */
import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Bar } from './bars.ts';
import { Contestant, type Judge } from './measure.ts';
import type { Options } from './options.ts';
import { average } from './summary.ts';
import { table } from './tables.ts';
import type { Workshop } from './workshop.ts';

const BITS = [32, 16, 8, 4] as const;
/** What `npm run pack` takes for this family when it isn't told. */
const DEFAULT = 4;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export async function compareBits(
  workshop: Workshop,
  judge: Judge,
  options: Options,
  photos: readonly string[],
): Promise<{ text: string; bars: Bar[] }> {
  /** Mean PSNR by task. */
  const levels = new Map<number, Record<string, number>>();
  const sizes = new Map<number, number>();
  for (const bits of BITS) {
    const out = workshop.path(`pack-${bits}`);
    const args = ['tsx', 'tools/pack/main.ts', '--checkpoint', 'training/state', '--out', out, '--bits', String(bits)];
    await promisify(execFile)('npx', args, { cwd: ROOT });
    const files = await Promise.all((await readdir(out)).map((name) => stat(join(out, name))));
    sizes.set(
      bits,
      files.reduce((sum, { size }) => sum + size, 0),
    );
    const contestant = await Contestant.open(out, options, workshop, judge);
    const means: Record<string, number> = {};
    for (const task of options.tasks) {
      const all: number[] = [];
      for (const photo of photos) all.push((await contestant.scores(task, photo)).psnr);
      means[task] = average(all);
    }
    levels.set(bits, means);
    await contestant.engine.backend.dispose();
    console.error(`${bits} bits: ${average(Object.values(means)).toFixed(3)} dB`);
  }
  const of = (bits: number, task: string) => levels.get(bits)?.[task] ?? Number.NaN;
  const losses = options.tasks.map((task) => of(32, task) - of(DEFAULT, task));
  const head = [`PSNR dB, ${photos.length} photos`, ...BITS.map((bits) => `${bits} bits`)];
  const rows = options.tasks.map((task) => [task, ...BITS.map((bits) => of(bits, task).toFixed(3))]);
  const megabytes = ['MB', ...BITS.map((bits) => ((sizes.get(bits) ?? 0) / 1e6).toFixed(1))];
  return {
    text: table(head, [...rows, megabytes]),
    bars: [
      {
        what: `${DEFAULT} bits lose at most 0.1 dB to 32 (worst task)`,
        figure: `${Math.max(...losses).toFixed(3)} dB`,
        met: Math.max(...losses) <= 0.1,
      },
    ],
  };
}
