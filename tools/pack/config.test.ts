import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
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

it('says so where there is no config', async () => {
  await expect(readConfig(folder)).rejects.toThrow(/no config\.json/);
});
