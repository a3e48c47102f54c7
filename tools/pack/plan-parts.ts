/** What the plans of both families are made of. */
import type { Manifest } from '../../workers/packs/manifest.ts';
import type { PackConfig } from './config.ts';
import { type DitDims, double, last, single } from './dit.ts';
import * as edges from './dit-edges.ts';
import type { Emitter, Source } from './emitter.ts';
import type { encoderHead } from './plan-qwen.ts';
import { PROMPTS } from './prompts.ts';
import type { TextEncoderConfig } from './qwen-config.ts';

export interface GraphPlan {
  readonly emit: (e: Emitter) => void;
  /** Query-chunk counts; [1] for graphs without long attention. */
  readonly chunks: readonly number[];
  /** Graphs that are fp32 in both modes have one file for both. */
  readonly modes: 'one' | 'two';
}

export interface InstancePlan {
  readonly id: string;
  readonly graph: string;
  /** Put before the tensor names of the graph's sources. */
  readonly prefix: string;
}

export interface EncoderPlan {
  readonly config: TextEncoderConfig;
  /** The manifest's, but for places. */
  readonly head: ReturnType<typeof encoderHead>;
  /** Ids of the embedding's rows, null for all of them. */
  readonly ids: readonly number[] | null;
}

type Head = Omit<
  Manifest,
  | 'graphs'
  | 'instances'
  | 'weights'
  | 'files'
  | 'preview'
  | 'format'
  | 'parts'
  | 'name'
  | 'version'
  | 'licence'
  | 'source'
  | 'title'
>;

export interface Plan {
  readonly graphs: ReadonlyMap<string, GraphPlan>;
  readonly instances: readonly InstancePlan[];
  readonly head: Head;
  readonly preview: Manifest['preview']['kind'];
  /** Known tensors that the pack doesn't use. */
  readonly ignored: readonly string[];
  /** The baked states, where the family has them. */
  readonly states: Source | null;
  /** The text encoder, where the checkpoint has one. */
  readonly encoder: EncoderPlan | null;
}

/**
 * Query-chunk counts. A graph with c pieces needs at least (c - 1)² tokens: Split gives every piece but the last
 * ceil(n / c). 8 keeps the small model's 1024 px tiles under the limit of the attention kernels, 40 RealRestorer's.
 */
const SMALL_CHUNKS = [1, 8];
const LARGE_CHUNKS = [1, 8, 40];

/** The transformer's graphs and instances, shared by both families. */
export function transformerParts(c: PackConfig, d: DitDims) {
  const { depth, depth_single_blocks: depthSingle } = c.transformer;
  const reference = c.family === 'restoration-small' ? 'channels' : 'tokens';
  const chunks = c.family === 'restoration-small' ? SMALL_CHUNKS : LARGE_CHUNKS;
  const fixed = (emit: (e: Emitter) => void): GraphPlan => ({ emit, chunks: [1], modes: 'one' });
  const block = (emit: (e: Emitter) => void): GraphPlan => ({ emit, chunks, modes: 'two' });
  const graphs: [string, GraphPlan][] = [
    ['vec', fixed((e) => edges.vec(e, d))],
    ['mod6', fixed((e) => edges.mod(e, d, 6))],
    ['mod3', fixed((e) => edges.mod(e, d, 3))],
    ['mod2', fixed((e) => edges.mod(e, d, 2))],
    ['context', fixed((e) => edges.context(e, d))],
    ['embed', fixed((e) => edges.embed(e, d, reference))],
    ['double', block((e) => double(e, d))],
    ['single', block((e) => single(e, d))],
    ['last', block((e) => last(e, d))],
    ['final', fixed((e) => edges.final(e, d))],
  ];
  const instances: InstancePlan[] = [{ id: 'vec', graph: 'vec', prefix: '' }];
  for (let i = 0; i < depth; i++) {
    for (const s of ['img', 'txt']) {
      instances.push({ id: `double.${i}.${s}_mod`, graph: 'mod6', prefix: `double_blocks.${i}.${s}_mod.` });
    }
  }
  for (let i = 0; i < depthSingle; i++) {
    instances.push({ id: `single.${i}.mod`, graph: 'mod3', prefix: `single_blocks.${i}.modulation.` });
  }
  instances.push({ id: 'final.mod', graph: 'mod2', prefix: 'final_layer.adaLN_modulation.' });
  instances.push({ id: 'context', graph: 'context', prefix: '' }, { id: 'embed', graph: 'embed', prefix: '' });
  for (let i = 0; i < depth; i++) instances.push({ id: `double.${i}`, graph: 'double', prefix: `double_blocks.${i}.` });
  for (let i = 0; i < depthSingle; i++) {
    // With the reference in the channels every image token is a target token, and nothing can be left out.
    const graph = reference === 'tokens' && i === depthSingle - 1 ? 'last' : 'single';
    instances.push({ id: `single.${i}`, graph, prefix: `single_blocks.${i}.` });
  }
  instances.push({ id: 'final', graph: 'final', prefix: '' });
  const used = new Set(instances.map(({ graph }) => graph));
  return { graphs: graphs.filter(([name]) => used.has(name)), instances };
}

/** Dims of the transformer's graphs. */
export function ditDims(c: PackConfig): DitDims {
  const t = c.transformer;
  return {
    hidden: t.hidden_size,
    heads: t.num_heads,
    mlp: Math.trunc(t.hidden_size * t.mlp_ratio),
    inChannels: t.in_channels,
    outChannels: t.out_channels,
    contextDim: t.context_in_dim,
    pooledDim: t.vec_in_dim,
    latentChannels: c.vae.latent_channels,
    qkvBias: t.qkv_bias,
    guidance: t.guidance_embeds,
    padded: c.family === 'step1x-edit',
  };
}

/** The manifest's `family`. */
export function familyHead(c: PackConfig, contextTokens: number, guidanceEmbed: number | null): Manifest['family'] {
  const t = c.transformer;
  return {
    hidden: t.hidden_size,
    heads: t.num_heads,
    axesDim: t.axes_dim,
    theta: t.theta,
    double: t.depth,
    single: t.depth_single_blocks,
    latentChannels: c.vae.latent_channels,
    factor: 8,
    patch: 2,
    contextDim: t.context_in_dim,
    pooledDim: t.vec_in_dim,
    contextTokens,
    guidanceEmbed,
  };
}

/** In the checkpoint's order: the table's one-hot input and the baked states follow it. */
export const tasksOf = (c: PackConfig) => c.conditioning.tasks.map((id) => ({ id, prompt: PROMPTS[id] }));

/** Instances that are the only one of their graph. */
export const alone = (ids: readonly string[]): InstancePlan[] => ids.map((id) => ({ id, graph: id, prefix: '' }));
