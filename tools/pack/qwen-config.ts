/**
 * Dims of the text encoder (Qwen2.5-VL): from `text_encoder/config.json` in either layout that transformers has written, held
 * against the tensors; Qwen2.5-VL-7B-Instruct's where there is no config (realrestorer.md B.5b, D.3, D.4).
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { QWEN_7B } from './qwen-7b.ts';
import type { TensorSource } from './source.ts';

export { QWEN_7B };

const dim = z
  .number()
  .int()
  .min(1)
  .max(1 << 20);

export const textEncoderSchema = z.strictObject({
  vision: z.strictObject({
    hidden: dim,
    heads: dim,
    depth: dim,
    mlp: dim,
    patch: dim,
    merge: dim,
    /** Groups that a window has along one axis. */
    window: dim,
    /** Blocks that see the whole image. */
    global: z.array(z.number().int().min(0)).max(64),
  }),
  language: z.strictObject({
    hidden: dim,
    heads: dim,
    kv_heads: dim,
    depth: dim,
    mlp: dim,
    theta: z.number().positive(),
    /** Frequencies of a head that follow time, row and column. */
    sections: z.tuple([dim, dim, dim]),
    vocabulary: dim,
  }),
  image: z.strictObject({ level: dim, min_pixels: dim, max_pixels: z.number().int().min(1) }),
});
export type TextEncoderConfig = z.infer<typeof textEncoderSchema>;

const rope = z.object({ rope_theta: z.number().optional(), mrope_section: z.tuple([dim, dim, dim]).optional() });
const language = z.object({
  hidden_size: dim,
  num_attention_heads: dim,
  num_key_value_heads: dim,
  num_hidden_layers: dim,
  intermediate_size: dim,
  vocab_size: dim,
  rope_theta: z.number().optional(),
  rope_scaling: rope.nullish(),
  rope_parameters: rope.nullish(),
  rms_norm_eps: z.number().optional(),
});
const file = z.object({
  vision_config: z.object({
    hidden_size: dim,
    num_heads: dim.optional(),
    num_attention_heads: dim.optional(),
    depth: dim.optional(),
    num_hidden_layers: dim.optional(),
    intermediate_size: dim,
    patch_size: dim.default(14),
    spatial_patch_size: dim.optional(),
    spatial_merge_size: dim.default(2),
    window_size: dim.default(112),
    fullatt_block_indexes: z.array(z.number().int()).optional(),
  }),
  text_config: z.unknown().optional(),
});

/** @throws Error that says what is not understood */
export function parseTextConfig(json: unknown, where: string): TextEncoderConfig {
  const outer = file.safeParse(json);
  if (!outer.success) throw new Error(`${where}:\n${z.prettifyError(outer.error)}`);
  // Older files have the language model's values beside `vision_config`; newer ones in `text_config`, or in both.
  const nested = language.safeParse(outer.data.text_config);
  const inner = nested.success ? nested : language.safeParse(json);
  if (!inner.success) throw new Error(`${where}:\n${z.prettifyError(inner.error)}`);
  const v = outer.data.vision_config;
  const l = inner.data;
  if (l.rms_norm_eps !== undefined && l.rms_norm_eps !== 1e-6) {
    throw new Error(`${where}: rms_norm_eps is ${l.rms_norm_eps}; the graphs are written for 1e-6`);
  }
  const ropes = [l.rope_parameters, l.rope_scaling];
  return {
    vision: {
      hidden: v.hidden_size,
      heads: v.num_heads ?? v.num_attention_heads ?? QWEN_7B.vision.heads,
      depth: v.depth ?? v.num_hidden_layers ?? QWEN_7B.vision.depth,
      mlp: v.intermediate_size,
      patch: v.patch_size,
      merge: v.spatial_merge_size,
      window: v.window_size / (v.patch_size * v.spatial_merge_size),
      global: v.fullatt_block_indexes ?? QWEN_7B.vision.global,
    },
    language: {
      hidden: l.hidden_size,
      heads: l.num_attention_heads,
      kv_heads: l.num_key_value_heads,
      depth: l.num_hidden_layers,
      mlp: l.intermediate_size,
      theta: l.rope_theta ?? ropes.find((r) => r?.rope_theta !== undefined)?.rope_theta ?? QWEN_7B.language.theta,
      sections: ropes.find((r) => r?.mrope_section !== undefined)?.mrope_section ?? QWEN_7B.language.sections,
      vocabulary: l.vocab_size,
    },
    image: QWEN_7B.image,
  };
}

/** `text_encoder/config.json` as transformers wrote it before its fifth version: the language model's values at the top. */
export function writtenTextConfig({ vision: v, language: l }: TextEncoderConfig): object {
  return {
    architectures: ['Qwen2_5_VLForConditionalGeneration'],
    hidden_size: l.hidden,
    num_attention_heads: l.heads,
    num_key_value_heads: l.kv_heads,
    num_hidden_layers: l.depth,
    intermediate_size: l.mlp,
    vocab_size: l.vocabulary,
    rms_norm_eps: 1e-6,
    rope_theta: l.theta,
    rope_scaling: { type: 'mrope', mrope_section: l.sections },
    vision_config: {
      hidden_size: v.hidden,
      num_heads: v.heads,
      depth: v.depth,
      intermediate_size: v.mlp,
      patch_size: v.patch,
      spatial_merge_size: v.merge,
      window_size: v.window * v.patch * v.merge,
      fullatt_block_indexes: v.global,
      out_hidden_size: l.hidden,
    },
  };
}

/** Names of the text encoder's tensors begin with this, whatever prefix the file has (`prefix.ts`). */
export const TEXT_PREFIX = 'text.';

/**
 * The text encoder of a bundle; null where the folder has no tensors of one.
 *
 * @throws Error where its config is not understood
 */
export function textEncoderIn(folder: string, source: Pick<TensorSource, 'names' | 'shape'>): TextEncoderConfig | null {
  if (!source.names().some((name) => /^text\.(layers|visual\.blocks)\./.test(name))) return null;
  const path = join(folder, 'text_encoder', 'config.json');
  const config = existsSync(path) ? parseTextConfig(JSON.parse(readFileSync(path, 'utf8')), path) : QWEN_7B;
  checkTextDims(config);
  return { ...config, image: imageLimits(folder) };
}

const processor = z.object({
  min_pixels: dim.optional(),
  max_pixels: dim.optional(),
  size: z.object({ shortest_edge: dim.optional(), longest_edge: dim.optional() }).optional(),
});

/** Limits of the image as the bundle's processor was saved with; those of the authors' loader where nothing says them. */
function imageLimits(folder: string): TextEncoderConfig['image'] {
  const path = join(folder, 'processor', 'preprocessor_config.json');
  const { level, min_pixels: least, max_pixels: most } = QWEN_7B.image;
  if (!existsSync(path)) return QWEN_7B.image;
  const read = processor.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  if (!read.success) throw new Error(`${path}:\n${z.prettifyError(read.error)}`);
  const { min_pixels, max_pixels, size } = read.data;
  const limits = {
    level,
    min_pixels: min_pixels ?? size?.shortest_edge ?? least,
    max_pixels: max_pixels ?? size?.longest_edge ?? most,
  };
  // Qwen's own default is 16,384 groups; RealRestorer was run with 324, and 640 rows of text is all that its DiT takes.
  if (limits.max_pixels > most) return { ...limits, min_pixels: Math.min(limits.min_pixels, least), max_pixels: most };
  return limits;
}

/** @throws Error with every disagreement listed */
export function checkTextDims({ vision: v, language: l }: TextEncoderConfig): void {
  const problems: string[] = [];
  const want = (ok: boolean, text: string) => {
    if (!ok) problems.push(text);
  };
  want(v.hidden % v.heads === 0 && (v.hidden / v.heads) % 4 === 0, 'the vision width is not heads · a multiple of 4');
  want(v.hidden % 32 === 0, 'the vision width is no multiple of 32');
  want(l.hidden % 32 === 0, 'the language width is no multiple of 32');
  want(l.hidden % l.heads === 0, 'the language width is no multiple of its heads');
  want(l.heads % l.kv_heads === 0, 'key heads do not divide the query heads');
  const half = l.sections.reduce((a, b) => a + b, 0);
  want(l.hidden === 2 * half * l.heads, `sections of ${half} frequencies do not make half a head`);
  want(Number.isInteger(v.window), 'a window is no whole number of groups');
  if (problems.length > 0) throw new Error(`text_encoder/config.json: ${problems.join('; ')}`);
}
