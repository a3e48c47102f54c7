/** What a pack consists of, for each family: graphs, instances, and the manifest's head. */
import type { Manifest } from '../../workers/packs/manifest.ts';
import type { PackConfig, SmallConfig, Step1xConfig } from './config.ts';
import { connector } from './connector.ts';
import * as dit from './dit.ts';
import type { Emitter, Source } from './emitter.ts';
import { PROMPTS } from './prompts.ts';
import { fluxDecoderLevel, fluxDecoderMid, fluxEncoderLevel, fluxEncoderMid } from './vae-flux.ts';
import { conditioningTable, decoderLevel, encoderLevel } from './vae-small.ts';

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

type Head = Omit<
  Manifest,
  | 'graphs'
  | 'instances'
  | 'weights'
  | 'files'
  | 'preview'
  | 'format'
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
}

/**
 * Query-chunk counts. A graph with c pieces needs at least (c - 1)² tokens: Split gives every piece but the last
 * ceil(n / c). 8 keeps the small model's 1024 px tiles under the limit of the attention kernels, 40 RealRestorer's.
 */
const SMALL_CHUNKS = [1, 8];
const LARGE_CHUNKS = [1, 8, 40];

/** The transformer's graphs and instances, shared by both families. */
function transformerParts(c: PackConfig, d: dit.DitDims) {
  const { depth: double, depth_single_blocks: single } = c.transformer;
  const reference = c.family === 'restoration-small' ? 'channels' : 'tokens';
  const chunks = c.family === 'restoration-small' ? SMALL_CHUNKS : LARGE_CHUNKS;
  const fixed = (emit: (e: Emitter) => void): GraphPlan => ({ emit, chunks: [1], modes: 'one' });
  const block = (emit: (e: Emitter) => void): GraphPlan => ({ emit, chunks, modes: 'two' });
  const graphs: [string, GraphPlan][] = [
    ['vec', fixed((e) => dit.vec(e, d))],
    ['mod6', fixed((e) => dit.mod(e, d, 6))],
    ['mod3', fixed((e) => dit.mod(e, d, 3))],
    ['mod2', fixed((e) => dit.mod(e, d, 2))],
    ['context', fixed((e) => dit.context(e, d))],
    ['embed', fixed((e) => dit.embed(e, d, reference))],
    ['double', block((e) => dit.double(e, d))],
    ['single', block((e) => dit.single(e, d))],
    ['final', fixed((e) => dit.final(e, d))],
  ];
  const instances: InstancePlan[] = [{ id: 'vec', graph: 'vec', prefix: '' }];
  for (let i = 0; i < double; i++) {
    for (const s of ['img', 'txt']) {
      instances.push({ id: `double.${i}.${s}_mod`, graph: 'mod6', prefix: `double_blocks.${i}.${s}_mod.` });
    }
  }
  for (let i = 0; i < single; i++) {
    instances.push({ id: `single.${i}.mod`, graph: 'mod3', prefix: `single_blocks.${i}.modulation.` });
  }
  instances.push({ id: 'final.mod', graph: 'mod2', prefix: 'final_layer.adaLN_modulation.' });
  instances.push({ id: 'context', graph: 'context', prefix: '' }, { id: 'embed', graph: 'embed', prefix: '' });
  for (let i = 0; i < double; i++)
    instances.push({ id: `double.${i}`, graph: 'double', prefix: `double_blocks.${i}.` });
  for (let i = 0; i < single; i++)
    instances.push({ id: `single.${i}`, graph: 'single', prefix: `single_blocks.${i}.` });
  instances.push({ id: 'final', graph: 'final', prefix: '' });
  return { graphs, instances };
}

function ditDims(c: PackConfig): dit.DitDims {
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
  };
}

function familyHead(c: PackConfig, contextTokens: number, guidanceEmbed: number | null): Manifest['family'] {
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
const tasks = (c: PackConfig) => c.conditioning.tasks.map((id) => ({ id, prompt: PROMPTS[id] }));

/** Instances that are the only one of their graph. */
const alone = (ids: readonly string[]): InstancePlan[] => ids.map((id) => ({ id, graph: id, prefix: '' }));

function smallPlan(c: SmallConfig): Plan {
  const d = ditDims(c);
  const vae = {
    widths: c.vae.widths,
    encoderBlocks: c.vae.encoder_blocks,
    decoderBlocks: c.vae.decoder_blocks,
    latentChannels: c.vae.latent_channels,
    pooledDim: d.pooledDim,
    scale: c.vae.scale,
    shift: c.vae.shift,
  };
  const table = {
    tasks: c.conditioning.tasks.length,
    taskTokens: c.conditioning.task_tokens,
    thumb: c.conditioning.thumb,
    latentChannels: c.vae.latent_channels,
    contextDim: d.contextDim,
    pooledDim: d.pooledDim,
  };
  const parts = transformerParts(c, d);
  const levels = [0, 1, 2];
  const encode = levels.map((l) => `enc.${l}`);
  const decode = [...levels].reverse().map((l) => `dec.${l}`);
  const level = (emit: (e: Emitter) => void): GraphPlan => ({ emit, chunks: [1], modes: 'two' });
  const graphs = new Map<string, GraphPlan>([
    ...levels.map((l) => [`enc.${l}`, level((e) => encoderLevel(e, vae, l))] as const),
    ['conditioning', { emit: (e) => conditioningTable(e, table), chunks: [1], modes: 'one' }],
    ...parts.graphs,
    ...levels.map((l) => [`dec.${l}`, level((e) => decoderLevel(e, vae, l))] as const),
  ]);
  const tokens = c.conditioning.task_tokens + (c.conditioning.thumb / 16) ** 2;
  return {
    graphs,
    instances: [...alone(encode), ...alone(['conditioning']), ...parts.instances, ...alone(decode)],
    preview: 'decoder',
    ignored: [],
    states: null,
    head: {
      family: familyHead(c, tokens, null),
      switches: {
        start: { kind: 'reference', sigma: c.start_sigma },
        reference: { kind: 'channels' },
        decoderInputs: 'latents+skips',
        conditioning: { kind: 'table', thumb: c.conditioning.thumb },
        guidance: { kind: 'none' },
      },
      schedule: { kind: 'linear' },
      steps: { min: 1, default: c.steps, max: 8 },
      vae: { scale: c.vae.scale, shift: c.vae.shift, encode, decode },
      tile: { gpu: 1024, wasm: 512, overlap: 64 },
      tasks: tasks(c),
    },
  };
}

function step1xPlan(c: Step1xConfig): Plan {
  const d = ditDims(c);
  const vae = {
    base: c.vae.base,
    multipliers: c.vae.multipliers,
    resBlocks: c.vae.res_blocks,
    latentChannels: c.vae.latent_channels,
    scale: c.vae.scale,
    shift: c.vae.shift,
  };
  const parts = transformerParts(c, d);
  const { tokens, valid } = c.conditioning;
  const dims = {
    stateDim: c.connector.state_dim,
    hidden: d.contextDim,
    heads: c.connector.heads,
    depth: c.connector.depth,
    mlp: Math.trunc(d.contextDim * c.connector.mlp_ratio),
    pooledDim: d.pooledDim,
    scaled: c.transformer.version === 'v1.0',
  };
  const levels = c.vae.multipliers.map((_, l) => l);
  const encode = [...levels.map((l) => `enc.${l}`), 'enc.mid'];
  const decode = ['dec.mid', ...[...levels].reverse().map((l) => `dec.${l}`)];
  const level = (emit: (e: Emitter) => void): GraphPlan => ({ emit, chunks: [1], modes: 'two' });
  const graphs = new Map<string, GraphPlan>([
    ...levels.map((l) => [`enc.${l}`, level((e) => fluxEncoderLevel(e, vae, l))] as const),
    ['enc.mid', level((e) => fluxEncoderMid(e, vae))],
    ['connector', { emit: (e) => connector(e, dims), chunks: [1], modes: 'one' }],
    ...parts.graphs,
    ['dec.mid', level((e) => fluxDecoderMid(e, vae))],
    ...levels.map((l) => [`dec.${l}`, level((e) => fluxDecoderLevel(e, vae, l))] as const),
  ]);
  return {
    graphs,
    instances: [...alone(encode), ...alone(['connector']), ...parts.instances, ...alone(decode)],
    preview: 'linear',
    ignored: c.transformer.use_mask_token ? ['mask_token'] : [],
    states: {
      tensor: 'conditioning.states',
      full: [c.conditioning.tasks.length + 1, tokens, c.connector.state_dim],
    },
    head: {
      family: familyHead(c, tokens, c.transformer.guidance_embeds ? c.guidance : null),
      switches: {
        start: { kind: 'noise' },
        reference: { kind: 'tokens', axis0: c.transformer.version === 'v1.0' ? 0 : 1 },
        decoderInputs: 'latents',
        conditioning: {
          kind: 'qwen2.5-vl',
          stateDim: c.connector.state_dim,
          tokens,
          // Filled in when the states are written.
          states: { shard: 'unwritten', offset: 0, bytes: 1 },
          valid,
        },
        guidance: { kind: 'cfg', scale: 3, truncate: 0.93, power: 0.4 },
      },
      schedule: { kind: 'linear-mu', baseShift: 0.5, maxShift: 1.15, baseTokens: 256, maxTokens: 4096 },
      steps: { min: 1, default: 28, max: 50 },
      vae: { scale: c.vae.scale, shift: c.vae.shift, encode, decode },
      tile: { gpu: 1024, wasm: 512, overlap: 128 },
      tasks: tasks(c),
    },
  };
}

export function planFor(c: PackConfig): Plan {
  return c.family === 'restoration-small' ? smallPlan(c) : step1xPlan(c);
}
