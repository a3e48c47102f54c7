/** What a pack says of its text encoder (switch `qwen2.5-vl` with `encoder`): dims, token ids, and where single rows lie. */
import { z } from 'zod';

const positive = (max: number) => z.number().int().min(1).max(max);
const fileName = z
  .string()
  .regex(/^[a-z0-9._-]{1,80}$/)
  .refine((name) => !name.startsWith('.'), 'names start with a letter or a digit');
const tokenId = z
  .number()
  .int()
  .min(0)
  .max(1 << 20);
const tokens = (max: number) => z.array(tokenId).max(max);

/** Rows of floats that are read by themselves; float16 or float32, which the size tells apart. */
const place = z.strictObject({
  shard: fileName,
  offset: z
    .number()
    .int()
    .min(0)
    .max(2 ** 40),
  bytes: positive(2 ** 31),
});
export type Place = z.infer<typeof place>;

/** Tasks by id; that every task of the pack is here is checked with the references. */
const prompts = z.record(z.string().max(40), z.strictObject({ en: tokens(120), zh: tokens(120) }));

export const encoder = z.strictObject({
  /** How the photo becomes the image that the model sees (`workers/pipeline/qwen/image.ts`). */
  image: z.strictObject({
    level: positive(4096),
    minPixels: positive(1 << 24),
    maxPixels: positive(1 << 24),
    mean: z.array(z.number()).length(3),
    std: z.array(z.number().positive()).length(3),
  }),
  vision: z.strictObject({
    hidden: positive(8192),
    heads: positive(64),
    depth: positive(64),
    patch: positive(64),
    merge: positive(4),
    /** Groups that a window has along one axis. */
    window: positive(64),
    /** Blocks that see the whole image. */
    global: z.array(z.number().int().min(0).max(63)).max(64),
  }),
  language: z.strictObject({
    heads: positive(64),
    depth: positive(64),
    theta: z.number().positive(),
    /** Frequencies of a head that follow time, row and column. */
    sections: z.tuple([positive(256), positive(256), positive(256)]),
  }),
  /** The constant text before the image; keys and values of it are weights of the layers. */
  prefix: z.strictObject({
    tokens: positive(999),
    /** States of its last tokens, `[kept, stateDim]`, which the DiT reads as well. */
    kept: positive(999),
    states: place,
  }),
  /** Rows of the embedding table, one behind the other over all pieces. */
  embedding: z.strictObject({
    /** Token id of each row; null where row i is that of id i. */
    ids: tokens(4096).nullable(),
    pieces: z.array(place).min(1).max(256),
  }),
  closeImage: tokens(16).min(1),
  closePrompt: tokens(16).min(1),
  prompts,
  /** A tokenizer.json, for prompts of people's own; null where the pack knows its tasks' prompts only. */
  tokenizer: fileName.nullable(),
});
export type EncoderSpec = z.infer<typeof encoder>;

/** Instances that the encoder runs, in order. */
export function encoderInstances({ vision, language }: Pick<EncoderSpec, 'vision' | 'language'>): string[] {
  return [
    'vision.patch',
    ...Array.from({ length: vision.depth }, (_, i) => `vision.${i}`),
    'vision.merger',
    ...Array.from({ length: language.depth }, (_, i) => `text.${i}`),
    'text.norm',
  ];
}
