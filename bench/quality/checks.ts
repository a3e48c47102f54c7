/** What the frozen set can't show: the same seed twice, tiles against the whole photo, seams of a large one. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readPhoto } from '../../tools/restore/files.ts';
import type { TaskId } from '../../workers/packs/manifest.ts';
import type { Photo } from '../../workers/pipeline/photo.ts';
import { restorePhoto } from '../../workers/pipeline/restore.ts';
import { planTiles } from '../../workers/pipeline/tiles.ts';
import { percentile } from '../support/percentile.ts';
import type { Bar } from './bars.ts';
import { type Contestant, SEED } from './measure.ts';
import { psnr } from './metrics/psnr.ts';
import type { Options } from './options.ts';
import { difference, lineExcesses, lowPass, stepAcross } from './seams.ts';
import type { Workshop } from './workshop.ts';

/** A 640 px square is then 2 × 2 tiles. */
const TILE = 384;
const SIGMA = 64;
const NEAR: readonly TaskId[] = ['noise', 'compression', 'blur'];
const GLOBAL: readonly TaskId[] = ['haze', 'low-light'];
/** Share of the lines inside tiles; of so few borders the worst may be an unusual line by chance. */
const USUAL = 0.99;

export async function checkTiles(contestant: Contestant, workshop: Workshop, options: Options): Promise<Bar[]> {
  const folder = workshop.path(`large-${workshop.hash.slice(0, 12)}`);
  if (!existsSync(join(folder, '12mp', 'haze.png'))) {
    if (!options.data)
      throw new Error('Name the folder of the photos with --data: the large pictures are not made yet.');
    await workshop.python('set.large', '--photos', join(options.data, 'val'), '--out', folder);
  }
  const bars: Bar[] = [await sameSeed(contestant, workshop)];
  for (const task of [...NEAR, ...GLOBAL]) bars.push(await tilesAndWhole(contestant, task, join(folder, task)));
  bars.push(await seams(contestant, join(folder, '12mp', 'haze.png')));
  return bars;
}

async function sameSeed(contestant: Contestant, workshop: Workshop): Promise<Bar> {
  const photo = workshop.recipe.clean[0]?.photo ?? '';
  const picture = await workshop.picture('haze', photo);
  const [first, second] = [await contestant.restore(picture, 'haze'), await contestant.restore(picture, 'haze')];
  const met = Buffer.compare(first.rgb, second.rgb) === 0;
  return { what: 'the same seed gives the same bytes', figure: met ? 'the same' : 'others', met };
}

async function tilesAndWhole(contestant: Contestant, task: TaskId, folder: string): Promise<Bar> {
  const levels: number[] = [];
  const steps: number[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const photo = await readPhoto(join(folder, name));
    const whole = await contestant.restore(photo, task, { tile: 2048 });
    const tiled = await contestant.restore(photo, task, { tile: TILE });
    levels.push(psnr(whole, tiled));
    steps.push(stepAcross(lowPass(difference(tiled, whole), SIGMA), bordersOf(contestant, photo, TILE), SIGMA));
    console.error(`${task}/${name}: ${levels.at(-1)?.toFixed(2)} dB, step ${steps.at(-1)?.toFixed(3)} levels`);
  }
  const [level, step] = [Math.min(...levels), Math.max(...steps)];
  const figure = `${level.toFixed(2)} dB, step ${step.toFixed(2)} of 255`;
  return NEAR.includes(task)
    ? { what: `${task}: tiles and whole agree to 40 dB (worst photo)`, figure, met: level >= 40 }
    : { what: `${task}: difference (σ ${SIGMA} px) across tile borders at most 1 of 255`, figure, met: step <= 1 };
}

/** Where the cores of neighbouring tiles meet. */
function bordersOf({ engine }: Contestant, { width, height }: Photo, tile: number) {
  const { family, tile: spec } = engine.manifest;
  const { tiles } = planTiles(width, height, tile, spec.overlap, family.factor * family.patch);
  const unique = (values: number[]) => [...new Set(values)].filter((value) => value > 0);
  return { x: unique(tiles.map(({ core }) => core.x)), y: unique(tiles.map(({ core }) => core.y)) };
}

/** One step is enough to show seams, and the cheapest. */
async function seams(contestant: Contestant, file: string): Promise<Bar> {
  const photo = await readPhoto(file);
  const result = await restorePhoto(contestant.engine, photo, { task: 'haze', seed: SEED, steps: 1 });
  const { family } = contestant.engine.manifest;
  const unit = family.factor * family.patch;
  const change = difference(result, photo);
  const { borders, inside } = lineExcesses(change, bordersOf(contestant, photo, result.tile), unit);
  const [worst, usual] = [Math.max(...borders), percentile(inside, USUAL)];
  return {
    what: `12 MP, haze: no seam (the worst border stands out no more than ${100 * USUAL} % of the lines of tokens inside tiles)`,
    figure: `${result.tiles} tiles, ${worst.toFixed(2)} of 255 at the worst of ${borders.length} borders, ${usual.toFixed(2)} inside`,
    met: worst <= usual,
  };
}
