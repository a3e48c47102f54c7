/** One step of the DiT on one tile. */
import { EngineError } from '../errors.ts';
import type { Tensor } from './backend.ts';
import { type BlockCache, mixData } from './block-cache.ts';
import { runBlocks } from './blocks.ts';
import type { Calls } from './calls.ts';
import { guide } from './guidance.ts';
import { type Latents, makeLatents, unpackTokens } from './latents.ts';
import type { JobPlan } from './plan.ts';
import type { Prologue } from './prologue.ts';
import { ropeTables } from './rope.ts';
import type { TensorScope } from './scope.ts';
import type { FullStep, Saved } from './state.ts';
import { countTokens } from './tokens.ts';

/** What all tiles and steps of a job share. */
export interface Denoiser {
  readonly plan: JobPlan;
  readonly tag: string;
  readonly cos: Tensor;
  readonly sin: Tensor;
  /** The step's index as int32 `[]`, one tensor a step. */
  readonly steps: readonly Tensor[];
  /** One a branch, in the order of `branchesOf`. */
  readonly prologues: readonly Prologue[];
  /** Null where every step is computed in full. */
  readonly cache: BlockCache | null;
  /** From this timestep downwards the branch without prompt is not run; 0 for never. */
  readonly skipUncond: number;
  /** Raw velocity with prompt less the one without, by tile, from the last step that ran both. */
  readonly differences: Map<number, Float32Array>;
}

/** Size of a plan's tiles, for the progress meter. */
export function planTag(plan: JobPlan): string {
  return `${plan.x.size}x${plan.y.size}`;
}

/** @param scope owns the shared tensors */
export function makeDenoiser(
  calls: Calls,
  plan: JobPlan,
  steps: number,
  prologues: readonly Prologue[],
  scope: TensorScope,
  saving: Partial<Pick<Denoiser, 'cache' | 'skipUncond'>> = {},
): Denoiser {
  const { family, switches } = calls.manifest;
  const tokens = countTokens(calls.manifest, plan.x.size, plan.y.size);
  const rope = ropeTables(family, tokens.rows, tokens.columns, switches.reference);
  return {
    plan,
    tag: planTag(plan),
    cos: calls.upload(scope, 'float32', rope.dims, rope.cos),
    sin: calls.upload(scope, 'float32', rope.dims, rope.sin),
    steps: Array.from({ length: steps }, (_, k) => calls.upload(scope, 'int32', [], Int32Array.of(k))),
    prologues,
    cache: saving.cache ?? null,
    skipUncond: saving.skipUncond ?? 0,
    differences: new Map(),
  };
}

/** A tile of a step. */
export interface Part {
  /** 1-based, as in `Calls.place`. */
  readonly tile: number;
  /** Noisy latents, and those of the photo. */
  readonly latents: Latents;
  readonly reference: Latents;
}

/** The guided velocity of one tile: `velocitiesOf` for tile `calls.place.tile`. */
export async function velocityOf(
  calls: Calls,
  denoiser: Denoiser,
  latents: Latents,
  reference: Latents,
  step: number,
  t: number,
): Promise<Latents> {
  const [velocity] = await velocitiesOf(calls, denoiser, [{ tile: calls.place.tile, latents, reference }], step, t);
  return velocity as Latents;
}

/**
 * The guided velocities of tiles, each as if it were alone: where weights are streamed, tiles share what is uploaded.
 *
 * @param step 0-based
 * @param t the step's timestep
 * @throws EngineError 'bad-numbers' when a value is not finite
 */
export async function velocitiesOf(
  calls: Calls,
  denoiser: Denoiser,
  parts: readonly Part[],
  step: number,
  t: number,
): Promise<Latents[]> {
  const { differences, skipUncond } = denoiser;
  const known = parts.map(({ tile }) => (t <= skipUncond ? differences.get(tile) : undefined));
  const branches = known.map((difference) => (difference ? 1 : denoiser.prologues.length));
  const raw = await runBlocks(calls, denoiser, parts, branches, step);
  return parts.map((part, at) => {
    const { latents } = part;
    // A pack without single blocks answers for the reference tokens as well; the target's rows come first.
    const velocities = (raw[at] ?? []).map((rows) => rows.subarray(0, latents.data.length));
    return guided(calls, denoiser, part, velocities, known[at], step, t);
  });
}

/** What has to be known of the steps so far beside the latents; undefined where every step is computed in full. */
export function savedOf({ cache, skipUncond, differences }: Denoiser): Saved | undefined {
  if (!cache && skipUncond === 0) return undefined;
  return { fullSteps: cache?.fullSteps() ?? [], differences: new Map(differences) };
}

/** Branches that are run to compute a full step again: from the first on to the last that it has. */
export const branchesOfFull = ({ branches }: FullStep): number => Math.max(...branches) + 1;

/**
 * Makes a denoiser know what the one knew that the job was left with: what its cache kept is computed again.
 *
 * @param referenceOf the photo's latents of a tile
 */
export async function recall(
  calls: Calls,
  denoiser: Denoiser,
  saved: Saved,
  referenceOf: (tile: number) => Latents,
): Promise<void> {
  for (const [tile, difference] of saved.differences) denoiser.differences.set(tile, difference);
  for (const full of saved.fullSteps) {
    const { tile, step, latents } = full;
    const reference = referenceOf(tile);
    const { channels, height, width } = reference;
    const part: Part = { tile, latents: makeLatents(channels, height, width, latents), reference };
    await denoiser.cache?.again(full, () => runBlocks(calls, denoiser, [part], [branchesOfFull(full)], step));
  }
}

function guided(
  { manifest: { family, switches } }: Calls,
  { differences, skipUncond }: Denoiser,
  { tile, latents }: Part,
  velocities: Float32Array[],
  difference: Float32Array | undefined,
  step: number,
  t: number,
): Latents {
  for (const rows of velocities) {
    if (!rows.every(Number.isFinite)) {
      throw new EngineError('bad-numbers', `step ${step + 1}: the velocity is not finite`, { step: step + 1 });
    }
  }
  const [cond, uncond] = velocities;
  if (cond && difference) velocities.push(mixData(cond, difference, -1));
  else if (cond && uncond && skipUncond > 0) differences.set(tile, mixData(cond, uncond, -1));
  const features = latents.channels * family.patch ** 2;
  const one = guide(switches.guidance, velocities, features, t);
  return unpackTokens(one, latents.channels, latents.height, latents.width, family.patch);
}

/**
 * One Euler step, in place: `latents` moves from t to `next`, and `velocity` becomes the clean estimate z - t·v.
 */
export function eulerStep(latents: Latents, velocity: Latents, t: number, next: number): void {
  for (let i = 0; i < latents.data.length; i++) {
    const z = latents.data[i] as number;
    const v = velocity.data[i] as number;
    latents.data[i] = z + (next - t) * v;
    velocity.data[i] = z - t * v;
  }
}

/** Clean estimate of one tile, for its preview. */
export function cleanEstimate(latents: Latents, velocity: Latents, t: number): Latents {
  const data = latents.data.map((z, i) => z - t * (velocity.data[i] as number));
  return makeLatents(latents.channels, latents.height, latents.width, data);
}
