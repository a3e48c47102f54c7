/**
 * One look at the whole photo's thumbnail: what brightness and colours its large areas had before the damage. A reflection
 * lies over large areas, of which a tile shows too little. The job's tiles are then held to that picture (`anchor.ts`).
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
  [CALL, { count: 1, weight: 0.005 }],
  [WAIT, { count: 1, weight: 0.001 }],
]);

/** The instance that looks for this task; undefined where the pack has none. */
export function overviewOf({ overview }: Pick<Manifest, 'overview'>, task: TaskId): string | undefined {
  return overview?.tasks.find((each) => each.task === task)?.instance;
}

/** @throws EngineError 'cancelled', 'bad-numbers', 'pack-damaged', or what the backend throws */
export async function lookOver(calls: Calls, instance: string, photo: Photo): Promise<Anchor> {
  const { side = 0, sigma = 1, share = 1 } = calls.manifest.overview ?? {};
  const seen = await withScope(async (scope) => {
    const thumb = calls.upload(scope, 'float32', [1, 3, side, side], thumbnail(photo, side));
    const { restored } = await calls.run(instance, { thumb }, scope, CALL);
    if (!restored) throw new EngineError('pack-damaged', `${instance} makes no restored`);
    return calls.download(restored, WAIT);
  });
  calls.backend.release(instance);
  if (!seen.every(Number.isFinite)) throw new EngineError('bad-numbers', 'the look at the photo is not a number');
  const picture = { width: side, height: side, rgb: bytesOf(seen, side * side) };
  return { picture, sigma, share, width: photo.width, height: photo.height };
}

/** Planes in [-1,1] to R, G and B side by side, 0 to 255. */
function bytesOf(planes: Float32Array, count: number): Uint8Array {
  const rgb = new Uint8ClampedArray(3 * count); // rounds and clamps
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = ((planes[c * count + i] as number) + 1) * 127.5;
  }
  return new Uint8Array(rgb.buffer);
}
