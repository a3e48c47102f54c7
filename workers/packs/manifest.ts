/**
 * The pack manifest, version 1: what a pack is, as data.
 *
 * A pack is a folder: `manifest.json`, ONNX graphs without weights, weight shards, licence text. One engine
 * runs every pack; what differs between packs is written here as closed switches, never as code paths
 * named after a model. Anything this schema does not know is refused.
 */
import { z } from 'zod';
import { encoder } from './manifest-encoder.ts';

/** Task ids, the same everywhere in the app, the packs and the tests. */
export const TASK_IDS = [
  'blur',
  'compression',
  'flare',
  'moire',
  'haze',
  'low-light',
  'noise',
  'rain',
  'reflection',
] as const;
export const taskId = z.enum(TASK_IDS);
export type TaskId = z.infer<typeof taskId>;

const fileName = z
  .string()
  .regex(/^[a-z0-9._-]{1,80}$/)
  .refine((name) => !name.startsWith('.'), 'names start with a letter or a digit');
const symbol = z.string().regex(/^[A-Za-z][A-Za-z0-9_.]{0,119}$/);
const count = (max: number) => z.number().int().min(0).max(max);
const positive = (max: number) => z.number().int().min(1).max(max);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A dimension: a number, a symbol ("n"), a symbol times or divided by a number ("H/8", "h*8"), or that plus a number ("r*2+1"). */
const dim = z.union([positive(1 << 20), z.string().regex(/^[A-Za-z]+([*/]\d{1,3})?(\+\d{1,3})?$/)]);

/** `compute` is float32 in mode f32 and float16 in mode f16; the others are the same in both modes. */
export const dtype = z.enum(['float32', 'compute', 'int32', 'uint8']);

const port = z.strictObject({ name: symbol, dtype, shape: z.array(dim).max(6) });
export type Port = z.infer<typeof port>;

export const mode = z.enum(['f32', 'f16']);
export type Mode = z.infer<typeof mode>;

/** Symbols of a graph that runs in bands: rows of its outputs in one call, and rows of its folded inputs. */
export const BAND_ROWS = 'r';
export const FOLD_ROWS = 's';

/**
 * How a graph runs over a whole tile in bands of rows. Inputs and outputs whose shape names `r` are cut along that axis: a call
 * that makes r rows from row y on gets as many rows of an input as its shape says (`r*2+1`), from the row that belongs to y
 * minus `above` on; rows outside of the tile are zero. Results do not depend on the height of the bands.
 */
const bands = z.strictObject({
  /** Rows of halo above the band, for inputs that have any; what the shape adds beyond them lies below. */
  above: z.array(z.strictObject({ input: symbol, rows: positive(8) })).max(8),
  /** Input `[1,1,rows,1]` with 1 for every row of the banded input `of` that is in the tile and 0 for those outside. */
  mask: z.strictObject({ input: symbol, of: symbol }).nullable(),
  /**
   * Output `[1,2,1,groups]`: mean and variance of each group of consecutive channels (axis 1) over the rows of output `of` that
   * the call made. Merged over all bands they become the chain's tensor `norm` of the same shape: mean and 1/√(variance + eps).
   */
  statistics: z
    .strictObject({
      output: symbol,
      of: symbol,
      norm: symbol,
      groups: positive(256),
      eps: z.number().positive().max(1),
    })
    .nullable(),
  /**
   * State that goes from call to call while the inputs whose shape names `s` are fed band by band, all of them for every band of
   * `r`: inputs that are outputs as well, and the value that they start with.
   */
  state: z.array(z.strictObject({ name: symbol, start: z.number() })).max(8),
  /** Shape of the largest tensor inside the graph, where that is larger than the inputs and outputs; [] where it is not. */
  scratch: z.array(dim).max(6),
});
export type Bands = z.infer<typeof bands>;

const graph = z.strictObject({
  /** Tensors that change from call to call. */
  inputs: z.array(port).max(32),
  /** Tensors that come from the shards. */
  weights: z.array(port).max(200),
  outputs: z.array(port).min(1).max(8),
  /** Absent for graphs that see whole tensors. */
  bands: bands.optional(),
  /** One file a mode and query-chunk count; graphs without attention have queryChunks 1 only. */
  variants: z
    .array(z.strictObject({ mode, queryChunks: positive(64), file: fileName }))
    .min(1)
    .max(16),
});
export type GraphSpec = z.infer<typeof graph>;

/**
 * Name of an output inside the ONNX file. ONNX wants every name once, so an output that is called like an input
 * (`img` in, `img` out) has `.out` behind its name there.
 */
export function onnxOutput(graph: Pick<GraphSpec, 'inputs'>, name: string): string {
  return graph.inputs.some((port) => port.name === name) ? `${name}.out` : name;
}

/**
 * How a weight lies in its shard.
 * - `f32`, `f16`: plain, widened or narrowed to what the graph input asks for.
 * - `q4`, `q8`: MatMulNBits B, block 32, symmetric, fed as uint8 `[N, K/32, 16 or 32]`. The scales are a weight of their own.
 * - `i8c`: signed bytes with one fp16 scale an output channel behind them (16-byte aligned); the loader widens.
 */
export const stored = z.enum(['f32', 'f16', 'q4', 'q8', 'i8c']);
const weight = z.strictObject({
  shard: fileName,
  offset: count(2 ** 40),
  bytes: positive(2 ** 31),
  stored,
  /** The shape that the graph input sees. */
  shape: z.array(positive(1 << 24)).max(6),
});
export type WeightSpec = z.infer<typeof weight>;

const instance = z.strictObject({
  graph: symbol,
  /** Graph input name to weight id. */
  weights: z.record(symbol, symbol),
});

const switches = z.strictObject({
  start: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('noise') }),
    z.strictObject({ kind: z.literal('reference'), sigma: z.number().min(0).max(4) }),
  ]),
  reference: z.discriminatedUnion('kind', [
    /** Reference tokens follow the target tokens; `axis0` is their RoPE id on axis 0 (realrestorer.md J.1). */
    z.strictObject({ kind: z.literal('tokens'), axis0: count(1) }),
    z.strictObject({ kind: z.literal('channels') }),
  ]),
  decoderInputs: z.enum(['latents', 'latents+skips']),
  conditioning: z.discriminatedUnion('kind', [
    /**
     * States of a language model that reads the photo with the prompt (`encoder`), or that read another image when the pack
     * was made (`states`): an approximation. Never both; neither in a pack without a text part.
     */
    z.strictObject({
      kind: z.literal('qwen2.5-vl'),
      stateDim: positive(8192),
      tokens: positive(640),
      /** Baked states, `[tasks + 1, tokens, stateDim]`, the last for the empty prompt. */
      states: z.strictObject({ shard: fileName, offset: count(2 ** 40), bytes: positive(2 ** 31) }).nullable(),
      /** Rows of `states` that are not padding, one a task plus the empty prompt; empty without them. */
      valid: z.array(positive(640)).max(16),
      encoder: encoder.optional(),
    }),
    z.strictObject({ kind: z.literal('table'), thumb: positive(512) }),
  ]),
  guidance: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('cfg'),
      scale: z.number().min(1).max(20),
      /** Above this t the guidance of a token is divided by its norm to `power` (realrestorer.md E.5). */
      truncate: z.number().min(0).max(1),
      power: z.number().min(0).max(1),
    }),
    z.strictObject({ kind: z.literal('none') }),
  ]),
});
export type Switches = z.infer<typeof switches>;

const schedule = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('linear-mu'),
    baseShift: z.number(),
    maxShift: z.number(),
    baseTokens: positive(65536),
    maxTokens: positive(65536),
  }),
  z.strictObject({ kind: z.literal('linear') }),
]);
export type ScheduleSpec = z.infer<typeof schedule>;

/** What a photo may be called: a task that it needs, or clean. */
export const CLEAN = 'clean';
export const photoClass = z.enum([...TASK_IDS, CLEAN]);
export type PhotoClass = z.infer<typeof photoClass>;

/**
 * The graph instance that proposes a task: `crops` `[k,3,crop,crop]` and `thumb` `[1,3,thumb,thumb]`, RGB in [-1,1], to
 * `logits` `[1,classes]`.
 */
const auto = z.strictObject({
  graph: symbol,
  /** Side of a crop in px, a multiple of 8. */
  crop: positive(512).refine((side) => side % 8 === 0, 'no multiple of 8'),
  /** Crops of a photo, on a grid of 2 lines (`workers/pipeline/auto-crops.ts`). */
  crops: positive(64).refine((count) => count % 4 === 0, 'no multiple of 4'),
  thumb: positive(512),
  /** In the order of the logits. */
  classes: z
    .array(photoClass)
    .min(2)
    .max(TASK_IDS.length + 1)
    .refine((classes) => classes.includes(CLEAN) && new Set(classes).size === classes.length, 'classes make no sense'),
  /** Probability of a task from which a job that follows the proposal is a whole one. */
  threshold: z.number().min(0).max(1),
});
export type AutoSpec = z.infer<typeof auto>;

/**
 * What a pack may hold: the transformer with its prologue, the VAE, and what makes its conditioning (baked states or a
 * table). Engines run packs that hold all of them; fewer parts are for building a pack bit by bit.
 */
export const PARTS = ['dit', 'vae', 'text'] as const;
export type Part = (typeof PARTS)[number];

export const manifestSchema = z.strictObject({
  format: z.literal(1),
  parts: z
    .array(z.enum(PARTS))
    .min(1)
    .refine((parts) => new Set(parts).size === parts.length, 'a part is listed twice'),
  name: fileName,
  /** Also the name of a folder. */
  version: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.+_-]{0,39}$/),
  title: z.string().max(120),
  licence: z.string().max(200),
  source: z.string().max(500),
  family: z.strictObject({
    hidden: positive(8192),
    heads: positive(64),
    axesDim: z.tuple([positive(256), positive(256), positive(256)]),
    theta: z.number().positive(),
    double: count(64),
    single: count(128),
    latentChannels: positive(64),
    /** Pixels a latent covers along one axis. */
    factor: positive(32),
    /** Latents a token covers along one axis. */
    patch: positive(4),
    contextDim: positive(8192),
    pooledDim: positive(8192),
    /** Text tokens that enter the DiT. */
    contextTokens: positive(1024),
    guidanceEmbed: z.number().nullable(),
  }),
  switches,
  schedule,
  steps: z.strictObject({ min: positive(100), default: positive(100), max: positive(100) }),
  vae: z.strictObject({
    scale: z.number(),
    shift: z.number(),
    /** Graph instances run one after the other; tensors are handed on by name. */
    encode: z.array(symbol).min(1).max(120),
    decode: z.array(symbol).min(1).max(120),
  }),
  tile: z.strictObject({
    /** Side of a tile in px on a GPU, on wasm, and the overlap; all multiples of factor * patch. */
    gpu: positive(2048),
    wasm: positive(2048),
    overlap: positive(512),
  }),
  tasks: z
    .array(z.strictObject({ id: taskId, prompt: z.strictObject({ en: z.string().max(400), zh: z.string().max(400) }) }))
    .min(1)
    .max(9),
  /** Absent where the pack proposes no task. */
  auto: auto.optional(),
  /** Tasks whose tiles take their low frequencies from the whole photo (`workers/pipeline/anchor.ts`). */
  anchor: z
    .strictObject({
      /** Longer side of the whole photo's picture in px, a multiple of factor * patch. */
      side: positive(1024),
      /** Of the Gaussian that separates low from high, in px of that picture. */
      sigma: z.number().positive().max(64),
      tasks: z.array(taskId).min(1).max(9),
    })
    .optional(),
  /**
   * Tasks whose tiles take their low frequencies from a network's look at the thumbnail (`workers/pipeline/overview.ts`):
   * instances of `thumb` `[1,3,side,side]`, RGB in [-1,1], to `restored`, the same.
   */
  overview: z
    .strictObject({
      side: positive(512),
      /** Of the Gaussian that separates low from high, in px of the thumbnail. */
      sigma: z.number().positive().max(64),
      /** How much less far the photo goes where the thumbnail's mirror image is judged otherwise; 0: as far. */
      doubt: z.number().min(0).max(100),
      tasks: z
        .array(z.strictObject({ task: taskId, instance: symbol }))
        .min(1)
        .max(9)
        .refine((all) => new Set(all.map(({ task }) => task)).size === all.length, 'a task is listed twice'),
    })
    .optional(),
  /** The last pass over the decoded tiles of some tasks: instances of `photo` and `restored` `[1,3,H,W]` to `restored`. */
  refine: z
    .array(z.strictObject({ task: taskId, instance: symbol }))
    .min(1)
    .max(9)
    .refine((all) => new Set(all.map(({ task }) => task)).size === all.length, 'a task is listed twice')
    .optional(),
  /** Latents to RGB in [-1,1]: `rgb = matrix · z + bias`, matrix `[3][latentChannels]`. */
  preview: z.strictObject({
    kind: z.enum(['linear', 'decoder']),
    matrix: z.array(z.array(z.number()).max(64)).length(3),
    bias: z.array(z.number()).length(3),
  }),
  graphs: z.record(symbol, graph),
  instances: z.record(symbol, instance),
  weights: z.record(symbol, weight),
  files: z.record(fileName, z.strictObject({ bytes: positive(2 ** 31), sha256, pieces: z.array(sha256).max(1024) })),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** Bytes a piece: the unit in which shards are hashed, so that a broken download is found and mended in part. */
export const PIECE_BYTES = 8 * 1024 * 1024;
