/**
 * The way of a photo through the engine: conditioning and prologue once, encode tile by tile, then step by step over
 * all tiles, then decode tile by tile. See `docs/pack-format.md` for the graphs and `plan.ts` for what bounds memory.
 *
 * Bytes a photo px, beside what one tile row takes: source 3, reference latents 1, latents 1, velocity 1 and the kept
 * estimates (half a byte a step, at most 1 for large photos) while denoising; source 3, result 3 and the estimates while
 * decoding.
 */
import { EngineError } from '../errors.ts';
import type { Anchor } from './anchor.ts';
import type { JobSize } from './backend.ts';
import { BlockCache, HELD_STREAMS } from './block-cache.ts';
import { plannedCalls } from './call-plan.ts';
import { Calls } from './calls.ts';
import { type BranchCondition, makeCondition } from './conditioning.ts';
import { decoderWantsPooled, TileCodec } from './decode.ts';
import {
  branchesOfFull,
  cleanEstimate,
  eulerStep,
  makeDenoiser,
  type Part,
  recall,
  savedOf,
  velocitiesOf,
} from './denoise.ts';
import { addTile, featherGrid, StripBlender } from './feather.ts';
import { branchesOf } from './guidance.ts';
import { StepHistory } from './history.ts';
import type { Engine, JobOptions, JobResult, KeptJob } from './job.ts';
import { cropLatents, type Latents, makeLatents, type Rect } from './latents.ts';
import { paintDecoded, paintEstimate } from './paint.ts';
import { cropPixels, type Photo } from './photo.ts';
import { branchCount, type JobPlan } from './plan.ts';
import type { PlannedCalls, ProgressMeter } from './progress.ts';
import { makeModulations, makeText, type Prologue } from './prologue.ts';
import { encoderOf, promptIds, seenOf } from './qwen/choices.ts';
import { readPhoto, type States } from './qwen/read.ts';
import { timesteps } from './schedule.ts';
import { type TensorScope, withScope } from './scope.ts';
import { startLatents } from './start.ts';
import { checkStep, fits, type JobState } from './state.ts';
import type { Tile } from './tiles.ts';
import { countTokens } from './tokens.ts';

/** A job under way: what its stages share. */
interface Job {
  readonly engine: Engine;
  readonly calls: Calls;
  readonly photo: Photo;
  readonly plan: JobPlan;
  readonly options: JobOptions;
  readonly steps: number;
  /** Tiles that a step takes through the blocks at a time. */
  readonly together: number;
  /** Where the job goes on; null when it starts from the beginning. */
  readonly resumed: JobState | null;
  /** What the text encoder made of the photo, one a branch; null for packs without one. */
  readonly read: readonly States[] | null;
  /** Owns the tensors that live as long as the job. */
  readonly scope: TensorScope;
}

/** A tile's place in the latents of the whole photo. */
function latentRect(tile: Tile, factor: number): Rect {
  return {
    x: tile.x / factor,
    y: tile.y / factor,
    width: tile.width / factor,
    height: tile.height / factor,
  };
}

/** Steps of a job: what was asked for, or the pack's default, within the pack's limits; 0 with the DiT off. */
function stepCount({ manifest }: Engine, options: JobOptions): number {
  if (options.ditOff) return 0;
  const { min, max, default: usual } = manifest.steps;
  return Math.min(max, Math.max(min, Math.round(options.steps ?? usual)));
}

/** What the progress meter is told of a job. */
export function plannedFor(engine: Engine, options: JobOptions, plan: JobPlan): Map<string, PlannedCalls> {
  const steps = stepCount(engine, options);
  const resumed = resumedState(engine, options, plan, steps);
  const paints = options.events?.paint !== undefined;
  const replayed = resumed ? replayedSteps(resumed, options).length : 0;
  return plannedCalls(engine.manifest, plan, steps, {
    paints,
    done: resumed?.step ?? 0,
    replayed,
    again: againOf(resumed),
  });
}

/**
 * One try at a photo with one plan. `restorePhoto` is the function to call: it makes the plan and tries again.
 *
 * @param meter has been told of the calls (`plannedFor`)
 * @param anchor what the tiles are held to; null for nothing
 * @throws EngineError 'cancelled', 'out-of-memory', 'bad-numbers', 'device-lost', 'pack-damaged'. Every tensor is
 *   disposed, however it ends.
 */
export async function runJob(
  engine: Engine,
  photo: Photo,
  options: JobOptions,
  plan: JobPlan,
  meter: ProgressMeter,
  anchor: Anchor | null = null,
): Promise<JobResult> {
  const { manifest } = engine;
  const steps = stepCount(engine, options);
  const resumed = resumedState(engine, options, plan, steps);
  const { signal, events, gate } = options;
  const calls = new Calls(engine.backend, manifest, meter, signal, events, plan.bandBytes, gate);
  Object.assign(calls.place, { steps, tiles: plan.tiles.length });
  const heldStreams = options.firstBlockCache ? HELD_STREAMS * plan.tiles.length * branchCount(manifest) : 0;
  const size = { width: plan.x.size, height: plan.y.size, steps, heldStreams, tiles: plan.tiles.length };
  const read = await readForJob(engine, calls, photo, options, size);
  const together = (await engine.backend.prepare?.(size)) ?? 1;

  return withScope(async (scope) => {
    const job: Job = { engine, calls, photo, plan, options, steps, together, resumed, scope, read };
    calls.enter('conditioning');
    const { target } = countTokens(manifest, plan.x.size, plan.y.size);
    const times = steps > 0 ? timesteps(manifest.schedule, steps, target) : [];
    const { conditions, prologues } = await prepare(job, times.slice(0, -1));
    const pooled = decoderWantsPooled(calls) ? conditions[0]?.conditions[0]?.pooled : undefined;
    const drawn = drawnSeed(options);
    const codec = new TileCodec(calls, plan, photo, { pooled, strength: strengthOf(options), drawn, anchor });
    try {
      calls.enter('encode');
      const reference = await encodeAll(job, codec);
      calls.enter('denoise');
      const history = await denoiseAll(job, codec, reference, times, prologues);
      calls.enter('decode');
      const rgb = await decodeAll(job, codec, history, steps);
      if (steps > 0) options.events?.step?.(steps, steps);
      return toResult(job, rgb, { ...keptOf(job, history), ...(anchor && { anchor }) });
    } finally {
      codec.close();
    }
  });
}

/**
 * Makes the clean estimate after `step` (1-based) the result, with a plan of its own: latents do not depend on tiles.
 *
 * @throws EngineError as `runJob`, and 'step-not-kept'
 */
export async function runDecode(
  engine: Engine,
  photo: Photo,
  options: JobOptions,
  plan: JobPlan,
  meter: ProgressMeter,
  { history, anchor }: Pick<KeptJob, 'history' | 'anchor'>,
  step: number,
): Promise<JobResult> {
  if (!history.available().includes(step)) throw new EngineError('step-not-kept', `step ${step}`, { step });
  meter.plan(plannedCalls(engine.manifest, plan, 0, { encodes: false }));
  const calls = new Calls(engine.backend, engine.manifest, meter, options.signal, options.events, plan.bandBytes);
  Object.assign(calls.place, { step, steps: history.steps, tiles: plan.tiles.length });

  return withScope(async (scope) => {
    const none = { together: 1, resumed: null, read: null };
    const job: Job = { engine, calls, photo, plan, options, steps: history.steps, ...none, scope };
    const wantsPooled = decoderWantsPooled(calls);
    const condition = wantsPooled
      ? await makeCondition({ engine, calls, photo, task: options.task, times: [0], read: null }, 'cond', scope)
      : null;
    const pooled = condition?.conditions[0]?.pooled;
    const codec = new TileCodec(calls, plan, photo, { pooled, strength: strengthOf(options), anchor: anchor ?? null });
    try {
      calls.enter('decode');
      const rgb = await decodeAll(job, codec, history, step);
      return toResult(job, rgb, { ...keptOf(job, history), ...(anchor && { anchor }) });
    } finally {
      codec.close();
    }
  });
}

/**
 * The text encoder's part of a job: photo and prompts in, states out, one a branch. Nothing of it stays but the states.
 *
 * @returns null for packs without a text encoder, and for jobs without steps
 */
async function readForJob(
  engine: Engine,
  calls: Calls,
  photo: Photo,
  options: JobOptions,
  size: JobSize,
): Promise<States[] | null> {
  const { conditioning } = engine.manifest.switches;
  const encoder = encoderOf(engine.manifest);
  if (encoder === null || conditioning.kind !== 'qwen2.5-vl' || size.steps === 0) return null;
  await engine.backend.prepare?.({ ...size, reads: true });
  calls.enter('read');
  const words = promptIds(encoder, options.task, options);
  const prompts = branchesOf(engine.manifest.switches.guidance).map((branch) => (branch === 'cond' ? words : []));
  const shown = seenOf(encoder, photo, options.seen);
  const reading = { engine, calls, encoder: shown.encoder, stateDim: conditioning.stateDim };
  return readPhoto(reading, shown.photo, prompts);
}

/** Latents of the whole padded photo, as far as the plan says. */
function latentShape({ manifest }: Engine, plan: JobPlan): Pick<Latents, 'channels' | 'height' | 'width'> {
  const { factor, latentChannels } = manifest.family;
  return { channels: latentChannels, height: plan.paddedHeight / factor, width: plan.paddedWidth / factor };
}

/** A state of another plan, e.g. from before running out of memory, is of no use: the job starts from the beginning. */
function resumedState(engine: Engine, options: JobOptions, plan: JobPlan, steps: number): JobState | null {
  const { resume } = options;
  return resume && steps > 0 && fits(resume, plan.side, steps, latentShape(engine, plan)) ? resume : null;
}

/** Steps that a resumed job paints again; its last one is painted by the decode anyway. */
function replayedSteps({ step, history }: JobState, { replay, events }: JobOptions): number[] {
  if (!replay || !events?.paint) return [];
  return history.available().filter((kept) => kept <= step && kept < history.steps);
}

/** Branches of each tile that a resumed job computes again, because its cache is made of them. */
const againOf = (resumed: JobState | null) => (resumed?.saved?.fullSteps ?? []).map(branchesOfFull);

const strengthOf = ({ strength = 1 }: JobOptions) => Math.min(1, Math.max(0, strength));

function keptOf({ options, plan, steps }: Job, history: StepHistory): JobResult['kept'] {
  return { task: options.task, tile: plan.side, steps, strength: strengthOf(options), history };
}

function toResult({ calls, photo, plan, steps }: Job, rgb: Uint8Array, kept: JobResult['kept']): JobResult {
  return {
    width: photo.width,
    height: photo.height,
    rgb,
    milliseconds: calls.times(),
    tiles: plan.tiles.length,
    steps,
    tile: Math.max(plan.x.size, plan.y.size),
    longestCallMs: calls.longestCallMs,
    kept,
  };
}

/** Seed of drawn reference latents; null where their mean is taken. */
const drawnSeed = ({ posterior, seed }: JobOptions) => (posterior === 'sample' ? seed : null);

/** Conditions and prologues of all branches. With the DiT off, only what the decoder wants of the conditions. */
async function prepare(
  { engine, calls, photo, options, scope, read }: Job,
  times: readonly number[],
): Promise<{ conditions: BranchCondition[]; prologues: Prologue[] }> {
  const conditions: BranchCondition[] = [];
  if (times.length === 0 && !decoderWantsPooled(calls)) return { conditions, prologues: [] };
  const texts: Pick<Prologue, 'txt' | 'textRows'>[] = [];
  for (const branch of branchesOf(engine.manifest.switches.guidance)) {
    const condition = await makeCondition({ engine, calls, photo, task: options.task, times, read }, branch, scope);
    conditions.push(condition);
    if (times.length === 0) return { conditions, prologues: [] };
    texts.push(await makeText(calls, condition, scope));
    for (const { context } of condition.conditions) scope.drop(context);
  }
  for (const id of ['connector', 'conditioning', 'context']) calls.backend.release(id);
  const mods = await makeModulations(calls, conditions, times, scope);
  return { conditions, prologues: texts.map((text, branch) => ({ ...text, mods: mods[branch] ?? new Map() })) };
}

/** Reference latents of the whole photo: the tiles' averaged, so that tiles see the same reference where they overlap. */
async function encodeAll({ engine, calls, plan, options }: Job, codec: TileCodec): Promise<Latents> {
  const { channels, height, width } = latentShape(engine, plan);
  const reference = makeLatents(channels, height, width);
  const grid = featherGrid(plan, 1 / calls.manifest.family.factor);
  for (const tile of plan.tiles) {
    calls.place.tile = tile.index + 1;
    if (!isLeft(tile.index, options.modelEvery)) addTile(reference, grid, tile, await codec.encode(tile));
  }
  return reference;
}

/**
 * Latents live on the CPU in float32, for the whole photo: blending overlaps, previews, kept steps and checkpoints need
 * them there, and they are 1/64 of the traffic of the blocks (1 byte a photo px each way).
 *
 * All tiles of a step start from the same latents, so averaging their velocities with the feather weights equals
 * averaging their latents after the step; one accumulator serves both.
 */
async function denoiseAll(
  job: Job,
  codec: TileCodec,
  reference: Latents,
  times: readonly number[],
  prologues: readonly Prologue[],
): Promise<StepHistory> {
  const { engine, calls, plan, options, steps, resumed } = job;
  const { channels, height, width } = reference;
  const history = resumed?.history ?? new StepHistory(steps, [channels, height, width]);
  if (steps === 0) {
    history.keep(0, reference);
    return history;
  }

  const { switches, family } = calls.manifest;
  const latents = resumed?.latents ?? startLatents(switches.start, reference, options.seed);
  if (resumed) await replaySteps(job, codec, reference, resumed);
  const velocity = makeLatents(channels, height, width);
  const grid = featherGrid(plan, 1 / family.factor);
  const cache = BlockCache.for(engine.backend, options.firstBlockCache, job.scope);
  const saving = { cache, skipUncond: options.skipUncond ?? 0 };
  const denoiser = makeDenoiser(calls, plan, steps, prologues, job.scope, saving);
  if (resumed?.saved) {
    const referenceOf = (tile: number) =>
      cropLatents(reference, latentRect(plan.tiles[tile - 1] as Tile, family.factor));
    await recall(calls, denoiser, resumed.saved, referenceOf);
  }
  for (let k = resumed?.step ?? 0; k < steps; k++) {
    const [t = 1, next = 0] = times.slice(k, k + 2);
    calls.place.step = k + 1;
    velocity.data.fill(0);
    for (let at = 0; at < plan.tiles.length; at += job.together) {
      const tiles = plan.tiles.slice(at, at + job.together);
      const parts = tiles.map((tile) => {
        const rect = latentRect(tile, family.factor);
        return { tile: tile.index + 1, latents: cropLatents(latents, rect), reference: cropLatents(reference, rect) };
      });
      // Whole groups are left out, for measurements only.
      const left = isLeft(at / job.together, options.ditEvery) || isLeft(at, options.modelEvery);
      const moved = left ? parts.map((part) => towards(part, t)) : await velocitiesOf(calls, denoiser, parts, k, t);
      for (const [i, tile] of tiles.entries()) {
        const { latents: noisy, reference: clean } = parts[i] as Part;
        calls.place.tile = tile.index + 1;
        addTile(velocity, grid, tile, moved[i] as Latents);
        const estimate = cleanEstimate(noisy, moved[i] as Latents, t);
        await paintEstimate(job, codec, tile, estimate, clean, k + 1);
      }
    }
    checkStep(latents, velocity, t, next, k + 1);
    eulerStep(latents, velocity, t, next);
    history.keep(k + 1, velocity);
    const saved = savedOf(denoiser);
    await options.afterStep?.({ step: k + 1, tile: plan.side, latents, history, ...(saved && { saved }) });
    // The last step is told about after its decode, when its picture is final.
    if (k + 1 < steps) options.events?.step?.(k + 1, steps);
  }
  return history;
}

/** For measurements: whether the n-th of something is left out. */
const isLeft = (n: number, every = 1): boolean => n % every !== 0;

/** The velocity that leads from t straight to the reference. */
function towards({ latents, reference }: Part, t: number): Latents {
  return { ...latents, data: latents.data.map((value, i) => (value - (reference.data[i] as number)) / t) };
}

/** Paints the steps that a resumed job has done, from what is kept of them, so that its film strip is whole. */
async function replaySteps(job: Job, codec: TileCodec, reference: Latents, resumed: JobState): Promise<void> {
  const { calls, plan, options, steps } = job;
  for (const step of replayedSteps(resumed, options)) {
    calls.place.step = step;
    for (const tile of plan.tiles) {
      calls.place.tile = tile.index + 1;
      const rect = latentRect(tile, calls.manifest.family.factor);
      const estimate = resumed.history.crop(step, rect);
      if (estimate) await paintEstimate(job, codec, tile, estimate, cropLatents(reference, rect), step);
    }
    options.events?.step?.(step, steps);
  }
}

async function decodeAll(job: Job, codec: TileCodec, history: StepHistory, step: number): Promise<Uint8Array> {
  const { calls, plan, photo, options } = job;
  const blender = new StripBlender(plan);
  for (const tile of plan.tiles) {
    calls.place.tile = tile.index + 1;
    const part = history.crop(step, latentRect(tile, calls.manifest.family.factor));
    if (!part) throw new EngineError('internal', `step ${step} was not kept`, { step });
    const left = isLeft(tile.index, options.modelEvery);
    const pixels = left ? cropPixels(photo, tile) : await codec.decode(tile, part);
    codec.forget(tile);
    blender.add(tile, pixels);
    paintDecoded(job, tile, pixels, Math.max(1, step));
  }
  return blender.rgb;
}
