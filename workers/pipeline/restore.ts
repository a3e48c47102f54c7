/** The door of the pipeline: restore a photo, or make another step of the last job the result. */
import { isOutOfMemory } from '../out-of-memory.ts';
import { runAnchored } from './anchored.ts';
import type { Engine, JobOptions, JobResult, KeptJob } from './job.ts';
import type { Photo } from './photo.ts';
import { type JobPlan, LEAST_TILE, planJob } from './plan.ts';
import { ProgressMeter } from './progress.ts';
import { withRefine } from './refine.ts';
import { runDecode } from './run.ts';
import { withSwitches } from './switches.ts';
import { inWay } from './ways.ts';

/**
 * Restores a photo, with the job's settings in place of the pack's where it has some (`switches.ts`). When the backend or
 * JavaScript runs out of memory the job starts again with tiles of half the side, down to 128 px, and says so with a notice.
 *
 * @throws EngineError 'cancelled', 'out-of-memory' at the smallest tile (or the browser's own error of that), 'bad-numbers',
 *   'device-lost', 'pack-damaged'
 */
export async function restorePhoto(engine: Engine, photo: Photo, options: JobOptions): Promise<JobResult> {
  const chosen = withManifest(engine, withRefine(withSwitches(engine.manifest, options), options.task));
  return inWay(photo, options, unitOf(chosen), (seen, seenOptions, wanted) => {
    const tile = options.resume?.tile ?? wanted ?? options.tile;
    return withSmallerTiles(chosen, seen, seenOptions, tile, (plan, meter) =>
      runAnchored(chosen, seen, seenOptions, plan, meter),
    );
  });
}

/**
 * Decodes the clean estimate after `step` (1-based) of an earlier job on the same photo.
 *
 * @throws EngineError as `restorePhoto`, and 'step-not-kept' when `kept.history` does not hold that step
 */
export function decodeStep(
  engine: Engine,
  photo: Photo,
  kept: KeptJob,
  step: number,
  options: Pick<JobOptions, 'signal' | 'events' | 'bandBytes'> = {},
): Promise<JobResult> {
  const way = kept.way && { way: kept.way };
  const all: JobOptions = { ...options, task: kept.task, strength: kept.strength, seed: 0, ...way };
  const chosen = withManifest(engine, withRefine(engine.manifest, kept.task));
  return inWay(photo, all, unitOf(engine), (seen, seenOptions) =>
    withSmallerTiles(chosen, seen, seenOptions, kept.tile, (plan, meter) =>
      runDecode(chosen, seen, seenOptions, plan, meter, kept, step),
    ),
  );
}

const withManifest = (engine: Engine, manifest: Engine['manifest']): Engine => ({
  backend: engine.backend,
  manifest,
  readShard: (shard, offset, bytes) => engine.readShard(shard, offset, bytes),
});

const unitOf = ({ manifest: { family } }: Engine) => family.factor * family.patch;

async function withSmallerTiles(
  { manifest, backend }: Engine,
  photo: Photo,
  options: JobOptions,
  firstTile: number | undefined,
  attempt: (plan: JobPlan, meter: ProgressMeter) => Promise<JobResult>,
): Promise<JobResult> {
  const meter = new ProgressMeter();
  for (let tile = firstTile; ; ) {
    const plan = planJob(manifest, backend, photo, tile, options.skipCacheBytes, options.bandBytes);
    try {
      return await attempt(plan, meter);
    } catch (error) {
      const side = Math.max(plan.x.size, plan.y.size);
      if (!isOutOfMemory(error) || side <= LEAST_TILE) throw error;
      tile = Math.max(LEAST_TILE, Math.floor(side / 2 / plan.unit) * plan.unit);
      options.events?.notice?.('smaller-tile', { tile });
    }
  }
}

/** How many tiles a photo takes with the pack's own tile side. */
export function countTiles(
  engine: Pick<Engine, 'manifest' | 'backend'>,
  photo: { width: number; height: number },
): number {
  return planJob(engine.manifest, engine.backend, photo).tiles.length;
}
