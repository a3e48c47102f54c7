/**
 * The photos inside MAXIM's packages: seven damaged ones and what MAXIM made of each, published with the weights. There is
 * no clean photo, so all that can be said is how near each comes to the other's.
 */
import { existsSync } from 'node:fs';
import { readPhoto } from '../../tools/restore/files.ts';
import type { TaskId } from '../../workers/packs/manifest.ts';
import type { Contestant } from './measure.ts';
import { gmsd } from './metrics/gmsd.ts';
import { psnr } from './metrics/psnr.ts';
import { ssim } from './metrics/ssim.ts';
import { table } from './tables.ts';
import type { Workshop } from './workshop.ts';

/** Retouching is none of our tasks; low light is the nearest. */
const PAIRS: readonly (readonly [string, TaskId])[] = [
  ['denoising', 'noise'],
  ['deblurring', 'blur'],
  ['deraining', 'rain'],
  ['dehazing-indoor', 'haze'],
  ['dehazing-outdoor', 'haze'],
  ['enhancement', 'low-light'],
  ['retouching', 'low-light'],
];

/** null where the packages are not in the cache (`--maxim` fetches them). */
export async function fixtureTable(contestant: Contestant, workshop: Workshop): Promise<string | null> {
  const rows: string[][] = [];
  for (const [name, task] of PAIRS) {
    const file = (picture: string) => workshop.path('npm', `maxim-${name}-0.1.0`, 'assets', `${picture}.png`);
    if (!existsSync(file('fixture')) || !existsSync(file('result'))) continue;
    const [damaged, theirs] = [await readPhoto(file('fixture')), await readPhoto(file('result'))];
    const ours = await contestant.restore(damaged, task);
    const triple = (a: typeof ours, b: typeof ours) =>
      `${psnr(a, b).toFixed(2)} dB, ${ssim(a, b).toFixed(3)}, ${gmsd(a, b).toFixed(3)}`;
    rows.push([`${name} (${task})`, triple(theirs, damaged), triple(ours, damaged), triple(ours, theirs)]);
    console.error(`fixture ${name}`);
  }
  const head = ['MAXIM’s own photos: PSNR, SSIM, GMSD', 'MAXIM to damaged', 'ours to damaged', 'ours to MAXIM'];
  return rows.length > 0 ? table(head, rows) : null;
}
