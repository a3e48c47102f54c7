/** One step of the DiT on one tile. */
import { EngineError } from '../errors.ts';
import type { Tensor } from './backend.ts';
import { type BlockCache, mixData } from './block-cache.ts';
import type { Calls } from './calls.ts';
import { callKind, waitKind } from './chain.ts';
import { guide } from './guidance.ts';
import { type Latents, makeLatents, unpackTokens } from './latents.ts';
import { blockInstances, graphOf, type JobPlan } from './plan.ts';
import type { Prologue } from './prologue.ts';
import { ropeTables } from './rope.ts';
import { type TensorScope, withScope } from './scope.ts';
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

interface Streams {
  img: Tensor;
  /** The last block may have no use for it any more, and put none out. */
  txt?: Tensor;
}

/**
 * The guided velocity of a tile.
 *
 * @param latents noisy latents of the tile
 * @param reference its reference latents
 * @param step 0-based
 * @param t the step's timestep
 * @throws EngineError 'bad-numbers' when a value is not finite
 */
export async function velocityOf(
  calls: Calls,
  denoiser: Denoiser,
  latents: Latents,
  reference: Latents,
  step: number,
  t: number,
): Promise<Latents> {
  const { family, switches } = calls.manifest;
  const { tile } = calls.place;
  const difference = t <= denoiser.skipUncond ? denoiser.differences.get(tile) : undefined;
  const branches = await runBlocks(calls, denoiser, latents, reference, step, difference !== undefined);
  const target = latents.data.length;
  // A pack without single blocks answers for the reference tokens as well; the target's rows come first.
  const velocities = branches.map((rows) => rows.subarray(0, target));
  for (const rows of velocities) {
    if (!rows.every(Number.isFinite)) {
      throw new EngineError('bad-numbers', `step ${step + 1}: the velocity is not finite`, { step: step + 1 });
    }
  }
  const [cond, uncond] = velocities;
  if (cond && difference) velocities.push(mixData(cond, difference, -1));
  else if (cond && uncond && denoiser.skipUncond > 0) denoiser.differences.set(tile, mixData(cond, uncond, -1));
  const features = latents.channels * family.patch ** 2;
  const guided = guide(switches.guidance, velocities, features, t);
  return unpackTokens(guided, latents.channels, latents.height, latents.width, family.patch);
}

/** Raw velocity tokens, one array a branch. Each block runs for all branches before the next one is touched. */
async function runBlocks(
  calls: Calls,
  denoiser: Denoiser,
  latents: Latents,
  reference: Latents,
  step: number,
  condOnly: boolean,
): Promise<Float32Array[]> {
  const { manifest } = calls;
  const { tag, cos, sin, cache } = denoiser;
  const prologues = condOnly ? denoiser.prologues.slice(0, 1) : denoiser.prologues;
  const stepTensor = denoiser.steps[step];
  if (!stepTensor) throw new EngineError('internal', `no step ${step}`);
  const options = { queryChunks: denoiser.plan.queryChunks };
  const blocks = blockInstances(manifest);
  const prefetch = (at: number) => {
    const id = blocks[at];
    if (id !== undefined) calls.backend.prefetch?.(id);
  };
  prefetch(0);
  return withScope(async (scope) => {
    const upload = ({ data, channels, height, width }: Latents) =>
      calls.upload(scope, 'float32', [1, channels, height, width], data);
    const pair = { latents: upload(latents), reference: upload(reference) };
    const embedded = await calls.run('embed', pair, scope, callKind('embed', tag));
    const streams = prologues.map(({ txt }) => toStreams(embedded.img, txt[step] ?? txt[0]));

    // With caching: what the first block put out for the branches that are computed, and the result of those that are not.
    const firsts = new Map<number, Tensor>();
    const reused = new Set<number>();
    const keyOf = (branch: number) => `${calls.place.tile} ${branch}`;
    for (const [at, id] of blocks.entries()) {
      if (reused.size === streams.length) break;
      prefetch(at + 1);
      const kind = callKind(graphOf(manifest, id), tag);
      const before = streams.map((stream) => ({ ...stream }));
      for (const [branch, stream] of streams.entries()) {
        if (reused.has(branch)) {
          calls.skipped(kind);
          continue;
        }
        const prologue = prologues[branch];
        const rows = prologue?.textRows ? { text_rows: prologue.textRows } : {};
        const feeds = { ...stream, cos, sin, step: stepTensor, ...rows, ...modsOf(prologue, id) };
        const outputs = await calls.run(id, feeds, scope, kind, options);
        const made = toStreams(outputs.img, outputs.txt);
        streams[branch] = made;
        if (at > 0 || !cache || blocks.length < 3) continue;
        const kept = await cache.reuse(keyOf(branch), embedded.img as Tensor, made.img, scope);
        if (kept) {
          streams[branch] = { img: kept };
          reused.add(branch);
        } else firsts.set(branch, made.img);
      }
      // The embedded image is shared by the branches: dropped once, after all of them have read it.
      for (const [branch, { img, txt }] of before.entries()) {
        if (img !== streams[branch]?.img && img !== firsts.get(branch)) scope.drop(img);
        if (txt) scope.drop(txt);
      }
    }
    for (const [branch, first] of firsts) cache?.keep(keyOf(branch), first, (streams[branch] as Streams).img);

    const velocities: Float32Array[] = [];
    for (const [branch, { img }] of streams.entries()) {
      const feeds = { img, step: stepTensor, ...modsOf(prologues[branch], 'final') };
      const { velocity } = await calls.run('final', feeds, scope, callKind('final', tag));
      if (velocity) velocities.push(await calls.download(velocity, waitKind('denoise', tag)));
    }
    return velocities;
  });
}

function toStreams(img: Tensor | undefined, txt: Tensor | undefined): Streams {
  if (!img) throw new EngineError('pack-damaged', 'a block without image stream');
  return txt ? { img, txt } : { img };
}

/** Modulation inputs of a block: "double.0.img_mod" is its input `img_mod`. */
function modsOf(prologue: Prologue | undefined, id: string): Record<string, Tensor> {
  const inputs: Record<string, Tensor> = {};
  for (const [mod, tensor] of prologue?.mods ?? []) {
    if (mod.startsWith(`${id}.`)) inputs[mod.slice(id.length + 1)] = tensor;
  }
  return inputs;
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
