/** The text part of a bundle: with it, without it but baked, and with prompts of people's own. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Manifest, TASK_IDS } from '../../workers/packs/manifest.ts';
import { loadManifest } from '../../workers/packs/manifest-load.ts';
import { packNeeds } from '../../workers/packs/needs.ts';
import { conditionsOf, experimentsOf } from '../../workers/pipeline/experiments.ts';
import type { JobOptions } from '../../workers/pipeline/job.ts';
import { encoderOf } from '../../workers/pipeline/qwen/choices.ts';
import { restorePhoto } from '../../workers/pipeline/restore.ts';
import { tokenizePrompt } from '../../workers/prompts/tokenizer.ts';
import { openEngine } from '../backend-node/backend.ts';
import { CONFORMANCE_CONFIG } from '../conformance/make.ts';
import { buildPack, type PackOptions } from './build.ts';
import { openBundle } from './bundle.ts';
import type { Step1xConfig } from './config.ts';
import { withoutPrefix } from './prefix.ts';
import { parseTextConfig, QWEN_7B, writtenTextConfig } from './qwen-config.ts';
import { writeVirtual } from './virtual.ts';

const CONFIG: Step1xConfig = {
  ...CONFORMANCE_CONFIG,
  transformer: { ...CONFORMANCE_CONFIG.transformer, axes_dim: [8, 28, 28] },
  vae: { ...CONFORMANCE_CONFIG.vae, multipliers: [1, 1, 2, 2] },
  conditioning: { tasks: [...TASK_IDS], tokens: 640, valid: [] },
  text_encoder: {
    ...CONFORMANCE_CONFIG.text_encoder,
    vision: { ...CONFORMANCE_CONFIG.text_encoder.vision, global: [1] },
    language: { ...CONFORMANCE_CONFIG.text_encoder.language, sections: [2, 3, 3] },
  },
};

let folder: string;
let bundle: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'text-parts-'));
  bundle = join(folder, 'bundle');
  await writeVirtual(bundle, CONFIG, 4_000_000);
  await mkdir(join(bundle, 'processor'));
  const limits = { min_pixels: 6 * 784, max_pixels: 9 * 784 };
  await writeFile(join(bundle, 'processor', 'preprocessor_config.json'), JSON.stringify(limits));
  await cp(new URL('./fixtures/qwen/tokenizer.json', import.meta.url), join(bundle, 'processor', 'tokenizer.json'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const options = (name: string, more: Partial<PackOptions> = {}): PackOptions => ({
  checkpoint: bundle,
  out: join(folder, name),
  bits: 4,
  name: 'text-parts',
  version: '1',
  title: name,
  licence: 'Apache-2.0',
  source: 'drawn',
  licenceText: 'drawn\n',
  shardBytes: 4 << 20,
  ...more,
});

const conditioningOf = ({ switches }: Manifest) => {
  if (switches.conditioning.kind !== 'qwen2.5-vl') throw new Error(switches.conditioning.kind);
  return switches.conditioning;
};

/** A photo of some colours, restored in one step. */
async function restored(name: string, more: Partial<JobOptions> = {}): Promise<Uint8Array> {
  const engine = await openEngine(join(folder, name), 'wasm', 1);
  try {
    const [width, height] = [48, 32];
    const rgb = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 37 + (i % 7) * 50) % 256);
    return (await restorePhoto(engine, { width, height, rgb }, { task: 'noise', seed: 1, steps: 1, ...more })).rgb;
  } finally {
    await engine.backend.dispose();
  }
}

describe('names and configs of the text encoder', () => {
  it.each([
    ['visual.blocks.3.attn.qkv.weight', 'text.visual.blocks.3.attn.qkv.weight'],
    ['model.visual.merger.ln_q.weight', 'text.visual.merger.ln_q.weight'],
    ['model.layers.0.mlp.up_proj.weight', 'text.layers.0.mlp.up_proj.weight'],
    ['model.language_model.layers.0.mlp.up_proj.weight', 'text.layers.0.mlp.up_proj.weight'],
    ['model.language_model.norm.weight', 'text.norm.weight'],
    ['model.embed_tokens.weight', 'text.embed_tokens.weight'],
    ['lm_head.weight', 'text.lm_head.weight'],
    ['inner_model.double_blocks.0.img_mod.lin.weight', 'double_blocks.0.img_mod.lin.weight'],
    ['inner_model.encoder.norm_out.weight', 'encoder.norm_out.weight'],
  ])('%s is %s', (name, expected) => {
    expect(withoutPrefix(name)).toBe(expected);
  });

  it('are read in both layouts', () => {
    const old = writtenTextConfig(QWEN_7B);
    expect(parseTextConfig(old, 'old')).toEqual(QWEN_7B);
    const { vision_config: vision, ...language } = old as Record<string, object>;
    const fresh = { vision_config: vision, text_config: { ...language, rope_parameters: language.rope_scaling } };
    expect(parseTextConfig(fresh, 'new')).toEqual(QWEN_7B);
    expect(() => parseTextConfig({ ...old, rms_norm_eps: 1e-5 }, 'x/config.json')).toThrow(
      /x\/config.json: rms_norm_eps/,
    );
    expect(() => parseTextConfig({ vision_config: {} }, 'x/config.json')).toThrow(/x\/config.json/);
  });
});

describe('a bundle with its text encoder', { timeout: 240_000 }, () => {
  it('has all parts, and gives a pack that reads photos', async () => {
    const opened = await openBundle(bundle);
    expect(opened.has).toEqual(['dit', 'vae', 'text']);
    await opened.source.close();
    const manifest = await buildPack(options('whole', { prompts: 'any' }));
    expect(manifest.parts).toEqual(['dit', 'vae', 'text']);
    const { encoder, states } = conditioningOf(manifest);
    expect(states).toBeNull();
    expect(encoder?.embedding.ids).toBeNull();
    expect(encoder?.tokenizer).toBe('tokenizer.json');
    expect([packNeeds(manifest, 0, 0).baked, conditionsOf(manifest)]).toEqual([false, 'read']);
    expect(experimentsOf(manifest)).toEqual({
      referenceId: 0,
      guidance: true,
      posterior: true,
      seen: true,
      prompt: true,
    });
    expect(() => loadManifest(new TextEncoder().encode(JSON.stringify(manifest)))).not.toThrow();
    const rgb = await restored('whole');
    expect(new Set(rgb).size).toBeGreaterThan(32);
    // What the language model is told and shown matters.
    expect(await restored('whole', { task: 'haze' })).not.toEqual(rgb);
    expect(await restored('whole', { promptLanguage: 'zh' })).not.toEqual(rgb);
    expect(await restored('whole', { seen: 'grey' })).not.toEqual(rgb);
    expect(await restored('whole', { posterior: 'sample' })).not.toEqual(rgb);
    // The task's own words, tokenised from text.
    const file = (name: string) => readFile(join(folder, 'whole', name));
    const promptIds = await tokenizePrompt(manifest, ' Please dehaze the image', file);
    expect(await restored('whole', { promptIds })).toEqual(await restored('whole', { task: 'haze' }));
  });

  it('says what is missing for prompts of people’s own', async () => {
    await rm(join(bundle, 'processor', 'tokenizer.json'));
    await expect(buildPack(options('none', { prompts: 'any' }))).rejects.toThrow(/has no tokenizer.json/);
    await expect(buildPack(options('none', { prompts: 'any', include: ['dit', 'vae'] }))).rejects.toThrow(
      /needs the text part/,
    );
  });

  it('without the text part gets states of a neutral image, and says so', async () => {
    const manifest = await buildPack(options('baked', { include: ['dit', 'vae'] }));
    expect(manifest.parts).toEqual(['dit', 'vae', 'text']);
    const { encoder, states, valid } = conditioningOf(manifest);
    expect([encoder, encoderOf(manifest)]).toEqual([undefined, null]);
    expect([packNeeds(manifest, 0, 0).baked, conditionsOf(manifest)]).toEqual([true, 'baked']);
    expect(experimentsOf(manifest)).toEqual({ referenceId: 0, guidance: true, posterior: true });
    // 9 groups of a square image, 13 tokens around them, and the words of each prompt.
    expect(valid.map((rows) => rows - 9 - 13)).toEqual([9, 8, 11, 10, 6, 14, 7, 12, 8, 0]);
    expect(states?.bytes).toBe(2 * 10 * 640 * 32);
    expect(Object.keys(manifest.graphs).some((name) => name.startsWith('text.'))).toBe(false);
    expect((await readdir(folder)).filter((name) => name.startsWith('baked'))).toEqual(['baked']);
    const rgb = await restored('baked');
    expect(new Set(rgb).size).toBeGreaterThan(32);
    await expect(restored('baked', { seen: 'grey' })).rejects.toThrow(/This pack has no text encoder/);
    // It is what the whole pack says of a grey image of that shape.
    const grey = { seen: 'grey' } as const;
    const square = { width: 64, height: 64, rgb: Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => (i * 29) % 256) };
    const job = { task: 'noise', seed: 1, steps: 1 } as const;
    const results: Uint8Array[] = [];
    for (const name of ['whole', 'baked']) {
      const engine = await openEngine(join(folder, name), 'wasm', 1);
      results.push((await restorePhoto(engine, square, name === 'whole' ? { ...job, ...grey } : job)).rgb);
      await engine.backend.dispose();
    }
    const [a = new Uint8Array(), b = new Uint8Array()] = results;
    // The states were rounded to fp16 in between.
    const most = a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (b[i] ?? 0))), 0);
    expect(most).toBeLessThanOrEqual(2);
  });

  it('and without either does not run', async () => {
    const manifest = await buildPack(options('bare', { include: ['dit', 'vae'], bake: false }));
    expect(manifest.parts).toEqual(['dit', 'vae']);
    await expect(restored('bare')).rejects.toMatchObject({ code: 'pack-incomplete' });
  });
});
