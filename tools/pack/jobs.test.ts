import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeWeight } from '../../workers/packs/weights.ts';
import { convert } from './convert.ts';
import { type Bits, formatsFor } from './emitter.ts';
import { emitGraphs } from './graphs.ts';
import { elementsOfJob, planJobs } from './jobs.ts';
import { layOut, type Wanted, wantedWeights } from './layout.ts';
import { inspect } from './out-folder.ts';
import { planFor } from './plan.ts';
import { dequantiseBlocks, quantiseBlocks } from './quantise.ts';
import type { Rows, TensorPlace, TensorSource } from './source.ts';
import { VirtualCheckpoint } from './virtual.ts';
import { FULL_CONFIG } from './virtual-config.ts';

/** Wide enough that a tensor's rows are many jobs (1 Mi elements each), and all kinds of cuts are there. */
const CONFIG = {
  ...FULL_CONFIG,
  transformer: {
    ...FULL_CONFIG.transformer,
    vec_in_dim: 64,
    context_in_dim: 128,
    hidden_size: 512,
    num_heads: 4,
    depth: 1,
    depth_single_blocks: 1,
  },
  vae: { ...FULL_CONFIG.vae, base: 32, multipliers: [1, 1, 2, 2] },
  connector: { ...FULL_CONFIG.connector, state_dim: 64, heads: 2, depth: 1 },
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jobs-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function planned(bits: Bits) {
  const source = new VirtualCheckpoint(CONFIG);
  const plan = planFor(CONFIG);
  const wanted = wantedWeights(plan, emitGraphs(plan, formatsFor(bits, 'step1x-edit')), ['dit', 'vae']);
  const layout = layOut(wanted, 8 << 20);
  return { source, wanted, layout, jobs: planJobs(source, wanted, layout) };
}

/** A weight's values, straight from the whole tensor: rows, columns, transposed, shifted, quantised. */
async function plainly(source: TensorSource, { recipe, tensor }: Wanted): Promise<Float32Array> {
  const { full, rows, columns, transpose, plus } = recipe.source;
  const [height = 1] = full;
  const width = full.slice(1).reduce((a, b) => a * b, 1);
  const values = await source.read(tensor);
  const [top, count] = rows ?? [0, height];
  const [left, wide] = columns ?? [0, width];
  const out = new Float32Array(count * wide);
  for (let y = 0; y < count; y++) {
    for (let x = 0; x < wide; x++) {
      const value = (values[(top + y) * width + left + x] ?? 0) + (plus ?? 0);
      out[transpose === true ? x * count + y : y * wide + x] = value;
    }
  }
  const { blocks } = recipe;
  return blocks
    ? dequantiseBlocks(quantiseBlocks(out, blocks.n, blocks.k, blocks.bits), blocks.n, blocks.k, blocks.bits)
    : out;
}

describe('jobs', () => {
  it.each([4, 32] as const)('read every element that is wanted once, at %i bits', (bits) => {
    const { jobs, source, wanted } = planned(bits);
    const seen = new Map<TensorPlace, Rows[]>();
    for (const { place, start, count } of jobs) seen.set(place, [...(seen.get(place) ?? []), { start, count }]);
    let elements = 0;
    for (const [place, ranges] of seen) {
      ranges.sort((a, b) => a.start - b.start);
      for (const [i, { start, count }] of ranges.entries()) {
        expect(start, JSON.stringify(place)).toBe(
          i === 0 ? 0 : (ranges[i - 1]?.start ?? 0) + (ranges[i - 1]?.count ?? 0),
        );
        elements += count * place.shape.slice(1).reduce((a, b) => a * b, 1);
      }
    }
    expect(jobs.reduce((sum, job) => sum + elementsOfJob(job), 0)).toBe(elements);
    const tensors = [...new Set(wanted.map(({ tensor }) => tensor))];
    const all = tensors.reduce((sum, name) => sum + (source.shape(name) ?? []).reduce((a, b) => a * b, 1), 0);
    // All of them: the log-variance rows of the encoder's last convolution too, for latents that are drawn.
    expect(elements).toBe(all);
  });

  it.each([4, 8, 16, 32] as const)(
    'give what the whole tensors give, at %i bits, on one thread and on several',
    async (bits) => {
      const { source, wanted, layout, jobs } = planned(bits);
      const files: string[] = [];
      for (const threads of [1, 3]) {
        const out = join(folder, `out-${threads}`);
        const work = { out, jobs, shards: layout.shards, otherFiles: [], identity: bits, threads, smallest: 0 };
        const { files: made } = await convert(work, inspect(out), () => {});
        files.push(JSON.stringify(made));
      }
      expect(files[0]).toBe(files[1]);

      const shards = new Map<string, Uint8Array>();
      for (const name of layout.shards.keys())
        shards.set(name, new Uint8Array(await readFile(join(folder, 'out-1', name))));
      const bytesOf = (id: string) => {
        const place = layout.places.get(id);
        return (
          shards.get(place?.shard ?? '')?.slice(place?.offset, (place?.offset ?? 0) + (place?.bytes ?? 0)) ??
          new Uint8Array()
        );
      };
      for (const item of wanted) {
        const { recipe, id } = item;
        if (recipe.blocks?.part === 'scales') continue;
        const expected = await plainly(source, item);
        let made: ArrayLike<number>;
        if (recipe.blocks) {
          const { n, k, bits: blockBits } = recipe.blocks;
          const scales = new Uint16Array(bytesOf(id.replace(/\.b$/, '.scales')).buffer);
          made = dequantiseBlocks({ b: bytesOf(id), scales }, n, k, blockBits);
        } else made = decodeWeight(bytesOf(id), recipe, 'float32');
        // fp16 keeps 11 bits; what is quantised or plain fp32 must be the same to the bit.
        const bound = recipe.stored === 'f16' ? 2 ** -11 : 0;
        const wrong = expected.findIndex(
          (value, i) => !(Math.abs((made[i] ?? Number.NaN) - value) <= bound * Math.abs(value) + bound * 1e-4),
        );
        expect([id, made.length, wrong]).toEqual([id, expected.length, -1]);
      }
    },
    120_000,
  );
});
