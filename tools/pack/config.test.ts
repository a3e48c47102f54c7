import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TASK_IDS } from '../../workers/packs/manifest.ts';
import { readConfig } from './config.ts';
import { formatsFor } from './emitter.ts';
import { emitGraphs } from './graphs.ts';
import { planFor } from './plan.ts';
import { tensorsOf } from './tensors.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** realrestorer.md B.3, as a diffusers bundle writes it. */
const REAL_TRANSFORMER = {
  _class_name: 'RealRestorerTransformer2DModel',
  in_channels: 64,
  out_channels: 64,
  vec_in_dim: 768,
  context_in_dim: 4096,
  hidden_size: 3072,
  mlp_ratio: 4,
  num_heads: 24,
  depth: 19,
  depth_single_blocks: 38,
  axes_dim: [16, 56, 56],
  theta: 10000,
  qkv_bias: true,
  version: 'v1.0',
  guidance_embeds: true,
  use_mask_token: true,
};

async function writeBundle(): Promise<void> {
  await mkdir(join(folder, 'transformer'));
  await mkdir(join(folder, 'conditioning'));
  await writeFile(join(folder, 'transformer', 'config.json'), JSON.stringify(REAL_TRANSFORMER));
  const conditioning = { tasks: TASK_IDS, tokens: 640, valid: Array(10).fill(345) };
  await writeFile(join(folder, 'conditioning', 'config.json'), JSON.stringify(conditioning));
}

describe("RealRestorer's own config", () => {
  it('wants as many tensors and parameters as its checkpoint has', async () => {
    await writeBundle();
    const config = await readConfig(folder);
    const tensors = tensorsOf(config);
    tensors.delete('conditioning.states');
    const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
    const isVae = (name: string) => /^(encoder|decoder)\./.test(name);
    const count = (vae: boolean) => [...tensors].filter(([name]) => isVae(name) === vae);
    const sum = (vae: boolean) => count(vae).reduce((total, [, shape]) => total + size(shape), 0);
    // realrestorer.md B.4 and B.5; mask_token [1, 1, 3072] is in the file and never used.
    expect([count(false).length + 1, sum(false) + 3072]).toEqual([822, 12_438_033_217]);
    expect([count(true).length, sum(true)]).toEqual([244, 83_819_683]);
    expect(planFor(config).ignored).toEqual(['mask_token']);
  });

  it('gives 4-bit graphs of small files with 57 blocks on two of them', async () => {
    await writeBundle();
    const plan = planFor(await readConfig(folder));
    const graphs = emitGraphs(plan, formatsFor(4, 'step1x-edit'));
    expect(plan.instances.filter(({ graph }) => /^(double|single|last)/.test(graph)).length).toBe(57);
    for (const { files } of graphs.values()) {
      for (const [name, bytes] of files) expect(bytes.length, name).toBeLessThan(100_000);
    }
    const bits = [...(graphs.get('single')?.recipes.values() ?? [])].map(({ stored }) => stored);
    expect(bits.filter((stored) => stored === 'q4').length).toBe(6);
  });

  it('has all tasks and 640 rows of text where no states were baked', async () => {
    await mkdir(join(folder, 'transformer'));
    await writeFile(join(folder, 'transformer', 'config.json'), JSON.stringify(REAL_TRANSFORMER));
    const { conditioning } = await readConfig(folder);
    expect(conditioning).toEqual({ tasks: [...TASK_IDS], tokens: 640, valid: [] });
  });
});

describe('the last passes of a small config', () => {
  const whole = { widths: [8, 12, 16], blocks: [2, 1, 1], tasks: ['low-light', 'haze', 'rain'] };
  const sharpen = { tasks: ['haze'], window: 32, side: 5, filters: 32, width: 8 };
  const guide = { tasks: ['rain'], step: 4, radius: 1, epsilon: 3e-5 };

  /** The config of the fixture with other last passes. */
  async function withRefine(refine: object): Promise<unknown> {
    const source = new URL('fixtures/small/config.json', import.meta.url);
    const config = JSON.parse(await readFile(source, 'utf8')) as object;
    await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, refine }));
    return readConfig(folder);
  }

  it('are read', async () => {
    expect(await withRefine({ ...whole, sharpen, guide })).toMatchObject({ refine: { sharpen, guide } });
  });

  it.each<[string, object, RegExp]>([
    ['a step that does not divide a token', { guide: { ...guide, step: 3 } }, /guide\.step does not divide 16/],
    ['a filter without a middle', { sharpen: { ...sharpen, side: 6 } }, /sharpen\.side is even/],
    ['filters that do not fill groups', { sharpen: { ...sharpen, filters: 24 } }, /filters is no multiple of 16/],
    ['a task in both', { sharpen, guide: { ...guide, tasks: ['haze'] } }, /both in refine\.sharpen and refine\.guide/],
    ['a task without a last pass', { guide: { ...guide, tasks: ['noise'] } }, /is not in refine\.tasks/],
    ['levels without blocks', { blocks: [2, 1] }, /refine\.widths and refine\.blocks differ/],
    ['a radius of nothing', { guide: { ...guide, radius: 0 } }, /radius/],
  ])('are refused with %s', async (_what, change, message) => {
    await expect(withRefine({ ...whole, ...change })).rejects.toThrow(message);
  });
});

it('refuses a task that is held to an anchor and to a look at the thumbnail', async () => {
  const source = new URL('fixtures/small/config.json', import.meta.url);
  const config = JSON.parse(await readFile(source, 'utf8')) as object;
  const anchor = { side: 384, sigma: 6, tasks: ['reflection'] };
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, anchor }));
  await expect(readConfig(folder)).rejects.toThrow(/both in anchor and overview/);
});

it('says so where there is no config', async () => {
  await expect(readConfig(folder)).rejects.toThrow(/no config\.json/);
});
