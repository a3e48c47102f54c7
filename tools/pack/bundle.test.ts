import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { draw } from '../conformance/draw.ts';
import { CONFORMANCE_CONFIG } from '../conformance/make.ts';
import { writeSafetensors } from '../conformance/safetensors-write.ts';
import { buildPack, type PackOptions, readManifest } from './build.ts';
import { openBundle } from './bundle.ts';
import type { Step1xConfig } from './config.ts';
import { namingFor } from './defaults.ts';
import { writeVirtual } from './virtual.ts';
import { FULL_CONFIG } from './virtual-config.ts';

/** RealRestorer's dims, as small as its heads of 128 allow. */
const TINY: Step1xConfig = {
  ...FULL_CONFIG,
  transformer: {
    ...FULL_CONFIG.transformer,
    vec_in_dim: 64,
    context_in_dim: 128,
    hidden_size: 128,
    num_heads: 1,
    depth: 1,
    depth_single_blocks: 2,
  },
  vae: { ...FULL_CONFIG.vae, base: 32, multipliers: [1, 1, 2, 2] },
  connector: { ...FULL_CONFIG.connector, state_dim: 64, heads: 1 },
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bundle-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const withTransformer = (change: Partial<Step1xConfig['transformer']>): Step1xConfig => ({
  ...TINY,
  transformer: { ...TINY.transformer, ...change },
});

/** A bundle whose transformer config says something else than its tensors. */
async function writeLying(config: Step1xConfig, told: Partial<Step1xConfig['transformer']>): Promise<void> {
  await writeVirtual(folder, config, 300_000);
  const path = join(folder, 'transformer', 'config.json');
  await writeFile(
    path,
    JSON.stringify({ _class_name: 'RealRestorerTransformer2DModel', ...config.transformer, ...told }),
  );
}

describe('openBundle', () => {
  it('lets the tensors of all shards settle version, guidance and mask token, and says so', async () => {
    await writeLying(TINY, { version: 'v1.1', guidance_embeds: false, use_mask_token: false });
    const { config, notes, has, className } = await openBundle(folder);
    expect(config).toMatchObject({ transformer: { version: 'v1.0', guidance_embeds: true, use_mask_token: true } });
    expect(notes).toEqual([
      'config.json says guidance_embeds false, the tensors say true: the tensors are right',
      'config.json says use_mask_token false, the tensors say true: the tensors are right',
      'config.json says version v1.1, the tensors say v1.0: the tensors are right',
    ]);
    expect([has, className]).toEqual([['dit', 'vae'], 'RealRestorerPipeline']);
  });

  it('finds what is not there as well', async () => {
    const config = withTransformer({ version: 'v1.1', guidance_embeds: false, use_mask_token: false });
    await writeLying(config, { version: 'v1.0', guidance_embeds: true });
    const bundle = await openBundle(folder);
    expect(bundle.config).toMatchObject({ transformer: { version: 'v1.1', guidance_embeds: false } });
    expect(bundle.notes.length).toBe(2);
  });

  it('takes a raw checkpoint without a config, with stacked prefixes', async () => {
    await writeVirtual(folder, TINY, 1e9);
    const raw = join(folder, 'raw');
    await mkdir(raw);
    const { source } = await openBundle(folder);
    const tensors = await Promise.all(
      source.names().map(async (name) => ({ name, shape: source.shape(name) ?? [], data: await source.read(name) })),
    );
    const isVae = (name: string) => /^(encoder|decoder)/.test(name);
    const renamed = (vae: boolean, prefix: string) =>
      tensors.filter(({ name }) => isVae(name) === vae).map((t) => ({ ...t, name: `${prefix}${t.name}` }));
    await writeSafetensors(join(raw, 'model.safetensors'), renamed(false, 'module.model.inner_model.'));
    await writeSafetensors(join(raw, 'vae.safetensors'), renamed(true, ''));
    const { config, notes, has } = await openBundle(raw);
    expect(config.transformer).toEqual(TINY.transformer);
    expect(notes[0]).toMatch(/dims were read from the tensors/);
    expect(has).toEqual(['dit', 'vae']);
  });

  it.each<[string, (path: string) => Promise<void>, RegExp]>([
    ['is not there', (path) => rm(path, { recursive: true }), /There is no folder/],
    ['is empty', async () => {}, /no config\.json and no \.safetensors/],
    [
      'has only a pickle',
      (path) => writeFile(join(path, 'model.ckpt'), ''),
      /model\.ckpt.*\.safetensors files instead/,
    ],
    [
      'has only a config',
      (path) => writeFile(join(path, 'config.json'), JSON.stringify(CONFORMANCE_CONFIG)),
      /no \.safetensors files/,
    ],
    [
      'is another pipeline',
      (path) => writeFile(join(path, 'model_index.json'), '{"_class_name":"StableDiffusionPipeline"}'),
      /another model \(StableDiffusionPipeline\)/,
    ],
    [
      'is a download cache',
      async (path) => {
        await mkdir(join(path, 'snapshots', 'abc'), { recursive: true });
        await mkdir(join(path, 'blobs'));
      },
      /cache of Hugging Face downloads.*snapshots\/abc/,
    ],
    [
      'has tensors of another model',
      (path) =>
        writeSafetensors(join(path, 'a.safetensors'), [{ name: 'lm_head.weight', shape: [2], data: draw('x', [2]) }]),
      /another model/,
    ],
  ])('says in a sentence what is wrong with a folder that %s', async (_, make, message) => {
    await make(folder);
    await expect(openBundle(folder)).rejects.toThrow(message);
  });

  it('says which shard of the index is missing', async () => {
    await writeVirtual(folder, TINY, 300_000);
    const name = (await readdir(join(folder, 'transformer'))).find((file) => file.includes('-00002-of-')) ?? '';
    await rename(join(folder, 'transformer', name), join(folder, 'elsewhere.bin'));
    await expect(openBundle(folder)).rejects.toThrow(
      `is not complete: diffusion_pytorch_model.safetensors.index.json names ${name}`,
    );
  });
});

describe('a pack of a bundle', () => {
  function options(change: Partial<PackOptions> = {}): PackOptions {
    const out = join(folder, 'pack');
    const naming = { name: 'x', title: 'x', licence: 'x', source: 'x', licenceText: 'x', version: '1' };
    return { checkpoint: join(folder, 'bundle'), out, bits: 4, shardBytes: 1 << 19, ...naming, ...change };
  }

  /** With a map for previews, so that no VAE has to run for one. */
  async function writeBundle(): Promise<void> {
    await writeVirtual(join(folder, 'bundle'), TINY, 1e9);
    await writeSafetensors(join(folder, 'bundle', 'preview.safetensors'), [
      { name: 'weight', shape: [12, 16, 1, 1], data: draw('weight', [12, 16]) },
      { name: 'bias', shape: [12], data: draw('bias', [12]) },
    ]);
  }

  it('says which parts it has, takes flags against the tensors, and has the same shards with fewer parts', async () => {
    await writeBundle();
    const whole = await buildPack(options());
    expect(whole.parts).toEqual(['dit', 'vae']);
    expect(whole.switches.reference).toEqual({ kind: 'tokens', axis0: 0 });
    expect(whole.switches.conditioning).toMatchObject({ states: null, valid: [], tokens: 640 });
    const shards = (files: typeof whole.files, name: RegExp) =>
      Object.entries(files).filter(([file]) => name.test(file));
    const vae = await buildPack(options({ include: ['vae'], out: join(folder, 'vae') }));
    expect(vae.parts).toEqual(['vae']);
    expect(shards(vae.files, /\.bin$/)).toEqual(shards(whole.files, /^vae-\d+\.bin$/));
    expect(vae.preview).toEqual(whole.preview);
    const dit = await buildPack(options({ include: ['dit'], out: join(folder, 'dit') }));
    expect(shards(dit.files, /\.bin$/)).toEqual(shards(whole.files, /^(dit|prologue)-\d+\.bin$/));
    expect(await readManifest(join(folder, 'dit'))).toEqual(dit);

    const overrides = { version: 'v1.1', referenceId: 0 } as const;
    const other = await buildPack(options({ include: ['dit'], overrides, out: join(folder, 'other') }));
    expect(other.switches.reference).toEqual({ kind: 'tokens', axis0: 0 });
    expect(other.graphs.connector?.weights.some(({ name }) => name === 'mean_scale')).toBe(false);
    await expect(buildPack(options({ include: ['text'], out: join(folder, 'text') }))).rejects.toThrow(
      /no text_encoder\/ folder/,
    );
  });

  it('keeps matrices at 8 bits that are asked for', async () => {
    await writeVirtual(join(folder, 'bundle'), TINY, 1e9);
    const { weights } = await buildPack(options({ include: ['dit'], keep8: ['down', 'connector'] }));
    const stored = (id: string) => weights[id]?.stored;
    expect(stored('double.0.img_down.b')).toBe('q8');
    expect(stored('double.0.img_up.b')).toBe('q4');
    expect(stored('single.0.down_mlp.b')).toBe('q8');
    expect(stored('single.0.down_attn.b')).toBe('q4');
    expect(stored('single.0.mod.mod.b')).toBe('q4');
    expect(stored('connector.S.input_embedder.b')).toBe('q8');
    expect(stored('context.txt_in.b')).toBe('q8');
    expect(stored('final.linear.weight')).toBe('f16');
  });

  it('is honest about the licence', async () => {
    await writeVirtual(join(folder, 'bundle'), TINY, 1e9);
    const naming = namingFor(await openBundle(join(folder, 'bundle')), 4);
    expect(naming).toMatchObject({ name: 'realrestorer', title: 'RealRestorer, 4 bits' });
    expect(naming.licence).toMatch(/Contradictory.*Apache-2\.0.*non-commercial/);
    expect(naming.licenceText).toMatch(/contradictory/);
  });
});
