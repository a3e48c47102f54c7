/**
 * A job whose tiles are held to one look at the whole photo (`anchor.ts`), where the pack wants that for the task: to the photo
 * restored small, or to what a network makes of its thumbnail (`overview.ts`).
 */
import { isOutOfMemory } from '../out-of-memory.ts';
import { type Anchor, anchorSize } from './anchor.ts';
import { Calls } from './calls.ts';
import type { Engine, JobEvents, JobOptions, JobResult } from './job.ts';
import { lookOver, OVERVIEW_CALLS, overviewOf } from './overview.ts';
import type { Photo } from './photo.ts';
import { type JobPlan, planJob } from './plan.ts';
import type { PlannedCalls, ProgressMeter } from './progress.ts';
import { plannedFor, runJob } from './run.ts';
import { reduced } from './thumb.ts';

/** As `runJob`; what comes before it has no steps to be seen, kept or gone on from, and is the same each time. */
export async function runAnchored(
  engine: Engine,
  photo: Photo,
  options: JobOptions,
  plan: JobPlan,
  meter: ProgressMeter,
): Promise<JobResult> {
  const planned = plannedFor(engine, options, plan);
  const look = options.ditOff ? undefined : overviewOf(engine.manifest, options.task);
  if (look !== undefined) return withOverview(engine, photo, options, plan, meter, look, planned);
  const size = options.ditOff ? null : anchorSize(engine.manifest, options.task, photo);
  if (!size) {
    meter.plan(planned);
    return runJob(engine, photo, options, plan, meter);
  }
  const first = await small(engine, reduced(photo, size.width, size.height), options, plan.side, planned, meter);
  const anchor: Anchor = {
    picture: { ...size, rgb: first.rgb },
    sigma: engine.manifest.anchor?.sigma ?? 1,
    width: photo.width,
    height: photo.height,
  };
  const result = await runJob(engine, photo, options, plan, meter, anchor);
  return after(first.milliseconds.total, first.longestCallMs, result);
}

async function withOverview(
  engine: Engine,
  photo: Photo,
  options: JobOptions,
  plan: JobPlan,
  meter: ProgressMeter,
  instance: string,
  planned: ReadonlyMap<string, PlannedCalls>,
): Promise<JobResult> {
  meter.plan(together(OVERVIEW_CALLS, planned));
  const { signal, gate, events = {} } = options;
  const calls = new Calls(engine.backend, engine.manifest, meter, signal, before(events), plan.bandBytes, gate);
  calls.enter('conditioning');
  const anchor = await lookOver(calls, instance, photo);
  const spent = calls.times().total;
  return after(spent, calls.longestCallMs, await runJob(engine, photo, options, plan, meter, anchor));
}

/** The result of a job, with what was done before it. */
function after(spent: number, longestCallMs: number, result: JobResult): JobResult {
  const { milliseconds } = result;
  return {
    ...result,
    milliseconds: {
      ...milliseconds,
      conditioning: milliseconds.conditioning + spent,
      total: milliseconds.total + spent,
    },
    longestCallMs: Math.max(result.longestCallMs, longestCallMs),
  };
}

/**
 * The reduced photo as one tile; where there is no memory for that, in tiles of the job's own.
 *
 * @param planned calls of the job that follows
 */
async function small(
  engine: Engine,
  photo: Photo,
  { task, seed, steps, signal, gate, bandBytes, skipCacheBytes, events }: JobOptions,
  side: number,
  planned: ReadonlyMap<string, PlannedCalls>,
  meter: ProgressMeter,
): Promise<JobResult> {
  const options: JobOptions = {
    task,
    seed,
    ...(steps !== undefined && { steps }),
    ...(bandBytes !== undefined && { bandBytes }),
    ...(signal && { signal }),
    ...(gate && { gate }),
    ...(events && { events: before(events) }),
  };
  const attempt = (tile: number) => {
    const plan = planJob(engine.manifest, engine.backend, photo, tile, skipCacheBytes, bandBytes);
    meter.plan(together(plannedFor(engine, options, plan), planned));
    return runJob(engine, photo, options, plan, meter);
  };
  const whole = Math.max(side, engine.manifest.anchor?.side ?? 0);
  try {
    return await attempt(whole);
  } catch (error) {
    if (!isOutOfMemory(error) || whole === side) throw error;
    return attempt(side);
  }
}

/** All of it is told as work before the first step. */
function before({ progress }: JobEvents): JobEvents {
  if (!progress) return {};
  return { progress: (now) => progress({ ...now, stage: 'conditioning', step: 0, tile: 0 }) };
}

function together(
  a: ReadonlyMap<string, PlannedCalls>,
  b: ReadonlyMap<string, PlannedCalls>,
): Map<string, PlannedCalls> {
  const all = new Map(b);
  for (const [kind, { count, weight }] of a) {
    const other = all.get(kind);
    all.set(kind, { count: count + (other?.count ?? 0), weight: other?.weight ?? weight });
  }
  return all;
}
