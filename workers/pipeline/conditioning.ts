/** What the text side of the DiT is told: by the switch `conditioning`. */
import { EngineError } from '../errors.ts';
import { halfToNumber } from '../packs/half.ts';
import type { Switches, TaskId } from '../packs/manifest.ts';
import type { Tensor } from './backend.ts';
import type { Calls } from './calls.ts';
import { callKind, runChain } from './chain.ts';
import type { Branch } from './guidance.ts';
import type { Engine } from './job.ts';
import type { Photo } from './photo.ts';
import type { States } from './qwen/read.ts';
import { type TensorScope, withScope } from './scope.ts';
import { sinusoid, TIME_FEATURES } from './sinusoid.ts';
import { mergePadding, repeatsTextRows } from './text-rows.ts';
import { thumbnail } from './thumb.ts';

export interface Condition {
  /** float32 `[1, T, contextDim]`. */
  readonly context: Tensor;
  /** float32 `[1, pooledDim]`. */
  readonly pooled: Tensor;
}

/** What a branch is told. */
export interface BranchCondition {
  /** One for all steps, or one a step. */
  readonly conditions: readonly Condition[];
  /** `text_rows` of the blocks (`mergePadding`); null where every text token has a row of its own. */
  readonly textRows: Int32Array | null;
}

export interface ConditioningInput {
  readonly engine: Engine;
  readonly calls: Calls;
  readonly photo: Photo;
  readonly task: TaskId;
  /** Timesteps of the job without the closing 0. */
  readonly times: readonly number[];
  /** What a text encoder made of the photo, one a branch in the order of `branchesOf`; null for packs without one. */
  readonly read: readonly States[] | null;
}

type Spec<K extends Switches['conditioning']['kind']> = Extract<Switches['conditioning'], { kind: K }>;

/** Once per photo; the tensors belong to `scope`. */
export async function makeCondition(
  input: ConditioningInput,
  branch: Branch,
  scope: TensorScope,
): Promise<BranchCondition> {
  const spec = input.engine.manifest.switches.conditioning;
  return spec.kind === 'table' ? fromTable(spec, input, branch, scope) : fromStates(spec, input, branch, scope);
}

function taskIndex({ engine, task }: ConditioningInput): number {
  const index = engine.manifest.tasks.findIndex(({ id }) => id === task);
  if (index < 0) throw new EngineError('internal', `the pack has no task ${task}`);
  return index;
}

/** `table`: the whole photo's thumbnail through the encoder, with the task as one-hot. The empty prompt is all zeros. */
async function fromTable(
  spec: Spec<'table'>,
  input: ConditioningInput,
  branch: Branch,
  scope: TensorScope,
): Promise<BranchCondition> {
  const { calls, engine } = input;
  const side = spec.thumb;
  const oneHot = new Float32Array(engine.manifest.tasks.length);
  if (branch === 'cond') oneHot[taskIndex(input)] = 1;
  return withScope(async (inner) => {
    const photo = calls.upload(inner, 'float32', [1, 3, side, side], thumbnail(input.photo, side));
    const tag = `thumb ${side}`;
    const encoded = await runChain(calls, engine.manifest.vae.encode, { photo }, new Set(['latents']), inner, tag);
    const task = calls.upload(inner, 'float32', [1, oneHot.length], oneHot);
    const feeds = { ...encoded, task };
    const condition = toCondition(await calls.run('conditioning', feeds, scope, callKind('conditioning', tag)));
    return { conditions: [condition], textRows: null };
  });
}

/**
 * `qwen2.5-vl`: hidden states of photo and prompt through the connector, which sees the timestep: once a step. No query
 * sees a key of the padding there, so rows that stand for it can be left out as well.
 */
async function fromStates(
  spec: Spec<'qwen2.5-vl'>,
  input: ConditioningInput,
  branch: Branch,
  scope: TensorScope,
): Promise<BranchCondition> {
  const { calls, engine, times } = input;
  const given = input.read ? input.read[branch === 'cond' ? 0 : 1] : await bakedStates(spec, input, branch);
  if (given === undefined || given.rows > spec.tokens)
    throw new EngineError('internal', `${given?.rows ?? 'no'} rows of text, the transformer takes ${spec.tokens}`);
  const valid = given.rows;
  const merged = repeatsTextRows(engine.manifest) ? mergePadding(spec.tokens, valid) : null;
  const rows = merged?.count ?? spec.tokens;
  const values = new Float32Array(rows * spec.stateDim);
  values.set(given.values);
  return withScope(async (inner) => {
    const states = calls.upload(inner, 'float32', [1, rows, spec.stateDim], values);
    const mask = calls.upload(inner, 'float32', [1, 1, rows, rows], connectorMask(rows, valid));
    const mean = calls.upload(inner, 'float32', [1, 1, rows], connectorMean(rows, valid));
    const conditions: Condition[] = [];
    for (const t of times) {
      const time = calls.upload(inner, 'float32', [1, TIME_FEATURES], sinusoid([t]));
      const outputs = await calls.run('connector', { states, time, mask, mean }, scope, callKind('connector', ''));
      conditions.push(toCondition(outputs));
    }
    return { conditions, textRows: merged?.index ?? null };
  });
}

function toCondition({ context, pooled }: Record<string, Tensor>): Condition {
  if (!context || !pooled) throw new EngineError('pack-damaged', 'conditioning without context or pooled');
  return { context, pooled };
}

/** The valid rows of the branch's prompt; the blob holds float32 or float16, which its size tells apart. */
async function bakedStates(spec: Spec<'qwen2.5-vl'>, input: ConditioningInput, branch: Branch): Promise<States> {
  const { engine } = input;
  const index = branch === 'cond' ? taskIndex(input) : engine.manifest.tasks.length;
  const rows = spec.valid[index];
  if (rows === undefined || rows > spec.tokens) throw new EngineError('pack-damaged', `no states for prompt ${index}`);
  const prompts = engine.manifest.tasks.length + 1;
  const elements = spec.tokens * spec.stateDim;
  const { states } = spec;
  if (states === null) throw new EngineError('pack-incomplete', 'the pack has no baked states');
  const unit = states.bytes / (prompts * elements);
  if (unit !== 2 && unit !== 4) throw new EngineError('pack-damaged', 'the size of the baked states is wrong');
  const wanted = rows * spec.stateDim;
  const bytes = await engine.readShard(states.shard, states.offset + index * elements * unit, wanted * unit);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = Float32Array.from({ length: wanted }, (_, i) =>
    unit === 4 ? view.getFloat32(4 * i, true) : halfToNumber(view.getUint16(2 * i, true)),
  );
  return { rows, values };
}

/**
 * Added to the connector's logits, float32 `[1,1,T,T]`: a query sees a key where both are valid, and key 0 is seen by
 * every query, so that padded queries have something to attend to.
 */
export function connectorMask(tokens: number, valid: number): Float32Array {
  const mask = new Float32Array(tokens * tokens).fill(-1e9);
  for (let query = 0; query < tokens; query++) {
    mask[query * tokens] = 0;
    if (query < valid) mask.fill(0, query * tokens, query * tokens + valid);
  }
  return mask;
}

/** Weights of the masked mean over tokens, float32 `[1,1,T]`: 1/valid for valid rows, 0 for padding. */
export function connectorMean(tokens: number, valid: number): Float32Array {
  return new Float32Array(tokens).fill(valid > 0 ? 1 / valid : 0, 0, valid);
}
