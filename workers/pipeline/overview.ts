/**
 * A look at the whole photo's thumbnail: what brightness and colours its large areas had before the damage. A reflection
 * lies over large areas, of which a tile shows too little. The job's tiles are then held to that picture (`anchor.ts`), less where
 * the thumbnail's mirror image is judged otherwise.
 */
import { EngineError } from '../errors.ts';
import type { Manifest, TaskId } from '../packs/manifest.ts';
import type { Anchor } from './anchor.ts';
import type { Calls } from './calls.ts';
import { callKind, waitKind } from './chain.ts';
import type { Photo } from './photo.ts';
import type { PlannedCalls } from './progress.ts';
import { withScope } from './scope.ts';
import { thumbnail } from './thumb.ts';

const CALL = callKind('overview', '');
const WAIT = waitKind('overview', '');

/** For the progress meter: next to nothing beside a tile. */
export const OVERVIEW_CALLS: ReadonlyMap<string, PlannedCalls> = new Map([
  [CALL, { count: 2, weight: 0.005 }],
  [WAIT, { count: 2, weight: 0.001 }],
]);

/** The instance that looks for this task; undefined where the pack has none. */
export function overviewOf({ overview }: Pick<Manifest, 'overview'>, task: TaskId): string | undefined {
  return overview?.tasks.find((each) => each.task === task)?.instance;
}

/** @throws EngineError 'cancelled', 'bad-numbers', 'pack-damaged', or what the backend throws */
export async function lookOver(calls: Calls, instance: string, photo: Photo): Promise<Anchor> {
  const { side = 0, sigma = 1, doubt = 0 } = calls.manifest.overview ?? {};
  const look = (values: Float32Array) =>
    withScope(async (scope) => {
      const thumb = calls.upload(scope, 'float32', [1, 3, side, side], values);
      const { restored } = await calls.run(instance, { thumb }, scope, CALL);
      if (!restored) throw new EngineError('pack-damaged', `${instance} makes no restored`);
      return calls.download(restored, WAIT);
    });
  const thumb = thumbnail(photo, side);
  const seen = await look(thumb);
  const mirrored = mirror(await look(mirror(thumb, side)), side);
  calls.backend.release(instance);
  for (const values of [seen, mirrored]) {
    if (!values.every(Number.isFinite)) throw new EngineError('bad-numbers', 'the look at the photo is not a number');
  }
  const { mean, agreement } = compare(thumb, seen, mirrored, doubt);
  const picture = { width: side, height: side, rgb: bytesOf(mean, side * side) };
  return { picture, sigma, share: agreement, width: photo.width, height: photo.height };
}

/** Every line of planes of `side` px turned round. */
export function mirror(planes: Float32Array, side: number): Float32Array {
  const out = planes.slice();
  for (let start = 0; start < out.length; start += side) out.subarray(start, start + side).reverse();
  return out;
}

/**
 * Two looks at a thumbnail as one. What is right does not change with the side from which the photo is seen; so the difference
 * tells how far both err: `agreement` = M / (M + doubt · D), M the mean square of what their mean changes, D that of half their
 * difference. Values are held to [-1,1] first. Pure.
 *
 * @param doubt 0: the difference does not count
 * @returns `mean` as the planes, `agreement` above 0 to 1; 1 where nothing is changed
 */
export function compare(
  thumb: Float32Array,
  one: Float32Array,
  other: Float32Array,
  doubt: number,
): { mean: Float32Array; agreement: number } {
  let [moved, apart] = [0, 0];
  const mean = thumb.map((before, i) => {
    const [a, b] = [held(one[i] as number), held(other[i] as number)];
    moved += ((a + b) / 2 - before) ** 2;
    apart += ((a - b) / 2) ** 2;
    return (a + b) / 2;
  });
  return { mean, agreement: moved > 0 ? moved / (moved + doubt * apart) : 1 };
}

const held = (value: number) => Math.min(1, Math.max(-1, value));

/** Planes in [-1,1] to R, G and B side by side, 0 to 255. */
function bytesOf(planes: Float32Array, count: number): Uint8Array {
  const rgb = new Uint8ClampedArray(3 * count); // rounds and clamps
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = ((planes[c * count + i] as number) + 1) * 127.5;
  }
  return new Uint8Array(rgb.buffer);
}
