/**
 * npm run conformance -- [--out <folder>] [--bits 4|8|16|32]
 *
 * Makes the conformance pack: random weights, small dims, exactly RealRestorer's value of every switch, through the same
 * pack builder. The same bytes each time. Tests make it; it is not committed.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { type Manifest, TASK_IDS } from '../../workers/packs/manifest.ts';
import { buildPack } from '../pack/build.ts';
import type { PromptKind } from '../pack/plan.ts';
import { writeCheckpoint } from './checkpoint.ts';

/** RealRestorer's config (realrestorer.md B.3) with small dims. */
export const CONFORMANCE_CONFIG = {
  family: 'step1x-edit',
  transformer: {
    in_channels: 64,
    out_channels: 64,
    vec_in_dim: 64,
    context_in_dim: 128,
    hidden_size: 128,
    mlp_ratio: 4,
    num_heads: 2,
    depth: 3,
    depth_single_blocks: 5,
    axes_dim: [8, 28, 28],
    theta: 10000,
    qkv_bias: true,
    guidance_embeds: true,
    version: 'v1.0',
    use_mask_token: false,
  },
  vae: { base: 32, multipliers: [1, 1, 2, 2], res_blocks: 1, latent_channels: 16, scale: 0.3611, shift: 0.1159 },
  connector: { state_dim: 32, heads: 2, depth: 2, mlp_ratio: 4 },
  // A square photo has 9 groups and fills 22 to 36 of the rows, another one up to 40.
  conditioning: { tasks: [...TASK_IDS], tokens: 40, valid: [] },
  text_encoder: {
    // 44 is no multiple of 32, as RealRestorer's 3420 isn't.
    vision: { hidden: 32, heads: 2, depth: 2, mlp: 44, patch: 14, merge: 2, window: 2, global: [1] },
    language: {
      hidden: 32,
      heads: 2,
      kv_heads: 1,
      depth: 2,
      mlp: 64,
      theta: 1e6,
      sections: [2, 3, 3],
      vocabulary: 152064,
    },
    image: { level: 96, min_pixels: 6 * 784, max_pixels: 12 * 784 },
  },
  guidance: 3.5,
} as const;

/** The same with states that were baked beforehand instead of the text encoder, fewer rows than 40 for most prompts. */
export const BAKED_CONFIG = {
  ...CONFORMANCE_CONFIG,
  conditioning: { ...CONFORMANCE_CONFIG.conditioning, valid: [22, 21, 40, 23, 19, 20, 20, 18, 21, 13] },
  text_encoder: undefined,
} as const;

/** The same with twelve blocks of a width at which streaming them is worth something. */
export const MID_SIZE_CONFIG = {
  ...BAKED_CONFIG,
  transformer: { ...CONFORMANCE_CONFIG.transformer, hidden_size: 768, num_heads: 12, depth: 4, depth_single_blocks: 8 },
} as const;

/** The same with more blocks in the text encoder than a graph has slots, so that streaming them uses slots again. */
export const DEEP_TEXT_CONFIG = {
  ...CONFORMANCE_CONFIG,
  text_encoder: {
    ...CONFORMANCE_CONFIG.text_encoder,
    vision: { ...CONFORMANCE_CONFIG.text_encoder.vision, depth: 5, global: [1, 3] },
    language: { ...CONFORMANCE_CONFIG.text_encoder.language, depth: 5 },
  },
} as const;

/** The same at widths and with an image at which weights and activations of the text encoder outweigh everything else. */
export const WIDE_TEXT_CONFIG = {
  ...CONFORMANCE_CONFIG,
  connector: { ...CONFORMANCE_CONFIG.connector, state_dim: 512 },
  conditioning: { ...CONFORMANCE_CONFIG.conditioning, tokens: 128 },
  text_encoder: {
    vision: { ...CONFORMANCE_CONFIG.text_encoder.vision, hidden: 256, heads: 4, depth: 4, mlp: 684, global: [1, 3] },
    language: {
      ...CONFORMANCE_CONFIG.text_encoder.language,
      hidden: 512,
      heads: 8,
      kv_heads: 2,
      depth: 4,
      mlp: 1376,
      sections: [8, 12, 12],
    },
    image: { ...CONFORMANCE_CONFIG.text_encoder.image, level: 512, max_pixels: 96 * 784 },
  },
} as const;

type ConformanceConfig =
  | typeof CONFORMANCE_CONFIG
  | typeof MID_SIZE_CONFIG
  | typeof BAKED_CONFIG
  | typeof DEEP_TEXT_CONFIG
  | typeof WIDE_TEXT_CONFIG;

const TOKENIZER = new URL('../pack/fixtures/qwen/tokenizer.json', import.meta.url);

/**
 * Writes the pack to `out` and gives its manifest.
 *
 * @param prompts with `any` it takes prompts of people's own, by the tokenizer of the tests: 10 MB more
 */
export async function makeConformancePack(
  out: string,
  bits: 4 | 8 | 16 | 32 = 4,
  config: ConformanceConfig = CONFORMANCE_CONFIG,
  prompts: PromptKind = 'tasks',
): Promise<Manifest> {
  const checkpoint = await mkdtemp(join(tmpdir(), 'conformance-'));
  try {
    await writeCheckpoint(checkpoint, config);
    if (prompts === 'any') await cp(TOKENIZER, join(checkpoint, 'tokenizer.json'));
    return await buildPack({
      checkpoint,
      out,
      bits,
      prompts,
      name: 'conformance',
      version: '1',
      title: 'Conformance pack (random weights)',
      licence: 'Apache-2.0',
      source: 'Random numbers drawn by tools/conformance; for tests only.',
      licenceText: 'Random numbers, made by tools/conformance for tests. Apache-2.0.\n',
      shardBytes: config === MID_SIZE_CONFIG ? 16 << 20 : 1 << 20,
    });
  } finally {
    await rm(checkpoint, { recursive: true, force: true });
  }
}

const BITS = [4, 8, 16, 32] as const;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: 'test-results/conformance-pack' },
      bits: { type: 'string', default: '4' },
    },
  });
  const bits = BITS.find((value) => String(value) === values.bits);
  if (bits === undefined) throw new Error(`--bits ${values.bits}: 4, 8, 16 or 32`);
  const manifest = await makeConformancePack(values.out, bits);
  const bytes = Object.values(manifest.files).reduce((sum, file) => sum + file.bytes, 0);
  console.error(`${values.out}: ${Object.keys(manifest.files).length} files, ${(bytes / 1e6).toFixed(1)} MB`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(resolve(process.argv[1])).href) await main();
