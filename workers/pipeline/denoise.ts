/** One step of the DiT on one tile. */
import { EngineError } from '../errors.ts';
import type { Tensor } from './backend.ts';
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
  const branches = await runBlocks(calls, denoiser, latents, reference, step);
  const target = latents.data.length;
  // A pack without single blocks answers for the reference tokens as well; the target's rows come first.
  const velocities = branches.map((rows) => rows.subarray(0, target));
  for (const rows of velocities) {
    if (!rows.every(Number.isFinite)) {
      throw new EngineError('bad-numbers', `step ${step + 1}: the velocity is not finite`, { step: step + 1 });
    }
  }
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
): Promise<Float32Array[]> {
  const { manifest } = calls;
  const { prologues, tag, cos, sin } = denoiser;
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

    for (const [at, id] of blocks.entries()) {
      prefetch(at + 1);
      const kind = callKind(graphOf(manifest, id), tag);
      const before = streams.map((stream) => ({ ...stream }));
      for (const [branch, stream] of streams.entries()) {
        const prologue = prologues[branch];
        const rows = prologue?.textRows ? { text_rows: prologue.textRows } : {};
        const feeds = { ...stream, cos, sin, step: stepTensor, ...rows, ...modsOf(prologue, id) };
        const outputs = await calls.run(id, feeds, scope, kind, options);
        streams[branch] = toStreams(outputs.img, outputs.txt);
      }
      // The embedded image is shared by the branches: dropped once, after all of them have read it.
      for (const { img, txt } of before) {
        scope.drop(img);
        if (txt) scope.drop(txt);
      }
    }

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
