/**
 * `config.json` of a checkpoint. Two families: the small one that `training/` exports, and Step1X-Edit / RealRestorer
 * (realrestorer.md B.3). Dims are data; an unknown key of a family is an error, so that no switch is silently ignored.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TASK_IDS, taskId } from '../../workers/packs/manifest.ts';
import { countAfter } from './dims.ts';
import { checkTextDims, textEncoderSchema } from './qwen-config.ts';
import type { TensorSource } from './source.ts';

const dim = z.number().int().min(1).max(65536);

const transformer = z.object({
  in_channels: dim,
  out_channels: dim,
  vec_in_dim: dim,
  context_in_dim: dim,
  hidden_size: dim,
  mlp_ratio: z.number().positive(),
  num_heads: dim,
  depth: z.number().int().min(0).max(64),
  depth_single_blocks: z.number().int().min(0).max(128),
  axes_dim: z.tuple([dim, dim, dim]),
  theta: z.number().positive(),
  qkv_bias: z.boolean(),
  guidance_embeds: z.boolean().default(false),
});

const small = z.strictObject({
  family: z.literal('restoration-small'),
  transformer: z.strictObject(transformer.shape),
  vae: z.strictObject({
    widths: z.array(dim).min(1).max(6),
    encoder_blocks: z.array(z.number().int().min(0).max(16)),
    decoder_blocks: z.array(z.number().int().min(0).max(16)),
    latent_channels: dim,
    scale: z.number(),
    shift: z.number(),
  }),
  conditioning: z.strictObject({ tasks: z.array(taskId).min(1), task_tokens: dim, thumb: dim }),
  /** The network that proposes a task; a checkpoint may have none. */
  auto: z
    .strictObject({
      stem: dim,
      widths: z.array(dim).min(1).max(4),
      blocks: z.array(z.number().int().min(1).max(16)),
      hidden: dim,
      crop: dim,
      crops: dim,
      thumb: dim,
      /** Probability from which a proposal is taken whole. */
      threshold: z.number().min(0).max(1).default(0.8),
    })
    .optional(),
  /** Tasks whose tiles take their low frequencies from one look at the whole photo. */
  anchor: z.strictObject({ side: dim, sigma: z.number().positive(), tasks: z.array(taskId).min(1) }).optional(),
  /** Tasks whose photos take their low frequencies from a network's look at the thumbnail. */
  overview: z
    .strictObject({
      widths: z.array(dim).length(3),
      blocks: z.array(z.number().int().min(0).max(16)).length(3),
      sigma: z.number().positive(),
      doubt: z.number().min(0).max(100),
      tasks: z.array(taskId).min(1),
    })
    .optional(),
  /** Tasks whose decoded tiles go through a network of their own. */
  refine: z
    .strictObject({
      widths: z.array(dim).min(1).max(4),
      blocks: z.array(z.number().int().min(0).max(16)),
      tasks: z.array(taskId).min(1),
      /** Tasks among these whose network also sees the photo sharpened. */
      sharpen: z
        .strictObject({
          tasks: z.array(taskId).min(1),
          window: z.literal(32),
          side: dim,
          filters: dim,
          width: dim,
        })
        .optional(),
      /** Tasks among these whose network also sees the photo under smooth gains. */
      guide: z
        .strictObject({
          tasks: z.array(taskId).min(1),
          step: z.number().int().min(1).max(16),
          radius: z.number().int().min(1).max(16),
          epsilon: z.number().positive(),
        })
        .optional(),
    })
    .optional(),
  start_sigma: z.number().min(0),
  steps: z.number().int().min(1),
});
export type SmallConfig = z.infer<typeof small>;

const step1x = z.strictObject({
  family: z.literal('step1x-edit'),
  transformer: z.strictObject({
    ...transformer.shape,
    /** v1.0 scales the mean of the states before the pooled projection; its reference tokens have RoPE id 0 on axis 0. */
    version: z.enum(['v1.0', 'v1.1']),
    use_mask_token: z.boolean().default(false),
  }),
  vae: z.strictObject({
    base: dim,
    multipliers: z.array(dim).min(1).max(6),
    res_blocks: dim,
    latent_channels: dim,
    scale: z.number(),
    shift: z.number(),
  }),
  connector: z.strictObject({
    state_dim: dim,
    heads: dim,
    depth: dim,
    mlp_ratio: z.number().positive(),
  }),
  /**
   * States of the language model, baked: tensor `conditioning.states` `[tasks + 1, tokens, state_dim]`, the last for the empty
   * prompt. `valid` is empty where no states were baked.
   */
  conditioning: z.strictObject({ tasks: z.array(taskId).min(1), tokens: dim, valid: z.array(dim) }),
  /** Where the language model itself is converted, instead of baked states. */
  text_encoder: textEncoderSchema.optional(),
  guidance: z.number(),
  /** RoPE id of the reference tokens on axis 0 (realrestorer.md J.1); by the version where absent: 0 for v1.0, 1 for v1.1. */
  reference_id: z.union([z.literal(0), z.literal(1)]).optional(),
});
export type Step1xConfig = z.infer<typeof step1x>;

const config = z.discriminatedUnion('family', [small, step1x]);
export type PackConfig = z.infer<typeof config>;

/** Values that RealRestorer's bundle leaves to its code (realrestorer.md B.4, D.5, E.5, F). */
const STEP1X_DEFAULTS = {
  vae: { base: 128, multipliers: [1, 2, 4, 4], res_blocks: 2, latent_channels: 16, scale: 0.3611, shift: 0.1159 },
  connector: { state_dim: 3584, heads: 32, depth: 2, mlp_ratio: 4 },
  guidance: 3.5,
};

/** A `_class_name` and other keys of diffusers in `transformer/config.json` say nothing about the network. */
const bundleTransformer = z.object({
  ...transformer.shape,
  version: z.enum(['v1.0', 'v1.1']).default('v1.1'),
  use_mask_token: z.boolean().default(false),
});

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}

/**
 * Reads the config of a checkpoint folder: its own `config.json`, or a diffusers bundle with `transformer/config.json` and
 * `conditioning/config.json` (tasks, tokens and valid rows of the baked states), which may be absent.
 *
 * @throws Error with every disagreement listed
 */
export async function readConfig(folder: string): Promise<PackConfig> {
  const own = join(folder, 'config.json');
  if (!existsSync(own) && !existsSync(join(folder, 'transformer', 'config.json'))) {
    throw new Error(`no config.json in ${folder}`);
  }
  const raw = existsSync(own) ? await readJson(own) : await bundleConfig(folder);
  const parsed = config.safeParse(raw);
  if (!parsed.success) throw new Error(`config.json of ${folder}:\n${z.prettifyError(parsed.error)}`);
  checkDims(parsed.data);
  return parsed.data;
}

/** RealRestorer's text part, before states are baked: all tasks, and room for the 640 rows that its DiT was trained with. */
const UNBAKED = { tasks: [...TASK_IDS], tokens: 640, valid: [] };

async function bundleConfig(folder: string): Promise<unknown> {
  const conditioning = join(folder, 'conditioning', 'config.json');
  const read = bundleTransformer.safeParse(await readJson(join(folder, 'transformer', 'config.json')));
  if (!read.success) throw new Error(`transformer/config.json of ${folder}:\n${z.prettifyError(read.error)}`);
  return {
    family: 'step1x-edit',
    transformer: read.data,
    conditioning: existsSync(conditioning) ? await readJson(conditioning) : UNBAKED,
    ...STEP1X_DEFAULTS,
  };
}

/** Axes of the rotary embedding by head width: nothing in the tensors tells how a head is shared out. */
const AXES: Readonly<Record<number, [number, number, number]>> = { 128: [16, 56, 56], 64: [8, 28, 28] };

/** The config of a raw Step1X-Edit or RealRestorer checkpoint that has none: dims by its tensors. null for other tensors. */
export function configOfTensors(source: Pick<TensorSource, 'names' | 'shape'>): Step1xConfig | null {
  const side = (name: string, axis: number) => source.shape(name)?.[axis] ?? 0;
  const hidden = side('img_in.weight', 0);
  const head = side('double_blocks.0.img_attn.norm.query_norm.scale', 0);
  const axes = AXES[head];
  if (hidden === 0 || axes === undefined) return null;
  const parsed = step1x.safeParse({
    family: 'step1x-edit',
    transformer: {
      in_channels: side('img_in.weight', 1),
      out_channels: side('final_layer.linear.weight', 0),
      vec_in_dim: side('vector_in.in_layer.weight', 1),
      context_in_dim: side('txt_in.weight', 1),
      hidden_size: hidden,
      mlp_ratio: side('double_blocks.0.img_mlp.0.weight', 0) / hidden,
      num_heads: hidden / head,
      depth: countAfter(source, 'double_blocks.'),
      depth_single_blocks: countAfter(source, 'single_blocks.'),
      axes_dim: axes,
      theta: 10000,
      qkv_bias: source.shape('double_blocks.0.img_attn.qkv.bias') !== undefined,
      version: 'v1.1',
    },
    conditioning: UNBAKED,
    ...STEP1X_DEFAULTS,
  });
  if (!parsed.success) throw new Error(`The tensors' dims make no sense:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** @throws Error with every disagreement listed */
export function checkDims(c: PackConfig): void {
  const t = c.transformer;
  const problems: string[] = [];
  const want = (ok: boolean, text: string) => {
    if (!ok) problems.push(text);
  };
  const axes = t.axes_dim.reduce((a, b) => a + b, 0);
  want(t.hidden_size === t.num_heads * axes, `hidden_size ${t.hidden_size} is not num_heads · sum of axes_dim`);
  want(t.out_channels === 4 * c.vae.latent_channels, 'out_channels is not 4 · latent_channels');
  const references = c.family === 'restoration-small' ? 2 : 1;
  want(t.in_channels === references * t.out_channels, `in_channels is not ${references} · out_channels`);
  want(new Set(c.conditioning.tasks).size === c.conditioning.tasks.length, 'a task is listed twice');
  if (c.family === 'restoration-small') {
    want(c.vae.widths.length === 3, 'the small VAE has 3 levels');
    want(c.vae.encoder_blocks.length === c.vae.widths.length, 'encoder_blocks and widths disagree');
    want(c.vae.decoder_blocks.length === c.vae.widths.length, 'decoder_blocks and widths disagree');
    want(c.conditioning.thumb % 16 === 0, 'thumb is no multiple of 16');
    want((c.auto?.crop ?? 8) % 8 === 0, 'auto.crop is no multiple of 8');
    want((c.auto?.crops ?? 8) % 4 === 0, 'auto.crops is no multiple of 4');
    want(!c.overview?.tasks.some((task) => c.anchor?.tasks.includes(task)), 'a task is both in anchor and overview');
    want((c.refine?.widths.length ?? 0) <= 3, 'refine has more than 3 levels');
    want(c.refine?.widths.length === c.refine?.blocks.length, 'refine.widths and refine.blocks differ in length');
    const sharpen = c.refine?.sharpen;
    want((sharpen?.side ?? 1) % 2 === 1 && (sharpen?.side ?? 1) <= 31, 'refine.sharpen.side is even or above 31');
    const guide = c.refine?.guide;
    want(16 % (guide?.step ?? 1) === 0, 'refine.guide.step does not divide 16');
    want(
      !guide?.tasks.some((task) => sharpen?.tasks.includes(task)),
      'a task is both in refine.sharpen and refine.guide',
    );
    const refined = new Set(c.refine?.tasks);
    const helped = [...(sharpen?.tasks ?? []), ...(guide?.tasks ?? [])];
    want(
      helped.every((task) => refined.has(task)),
      'a task of refine.sharpen or refine.guide is not in refine.tasks',
    );
    want((sharpen?.filters ?? 16) % 16 === 0, 'refine.sharpen.filters is no multiple of 16');
    want(c.auto?.widths.length === c.auto?.blocks.length, 'auto.widths and auto.blocks differ in length');
  } else {
    want(c.vae.multipliers.length === 4, 'the Flux VAE has 4 levels');
    const { valid, tasks } = c.conditioning;
    want(valid.length === 0 || valid.length === tasks.length + 1, 'valid needs one entry a task and one more');
    want(c.vae.base % 32 === 0, 'vae.base is no multiple of 32');
    const text = c.text_encoder;
    if (text) checkTextDims(text);
    want(text === undefined || valid.length === 0, 'there are baked states and a text encoder: keep one of them');
    want(text === undefined || text.language.hidden === c.connector.state_dim, 'text encoder and connector disagree');
    want(t.context_in_dim % c.connector.heads === 0, 'context_in_dim is no multiple of connector.heads');
  }
  if (problems.length > 0) throw new Error(`config.json: ${problems.join('; ')}`);
}
