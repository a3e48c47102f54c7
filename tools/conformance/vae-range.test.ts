/**
 * The Flux autoencoder's graphs at their true widths in mode f16, with activations of ±1e5, on onnxruntime-web's wasm: all
 * of them finite and near float32. Convolutions are fp16 there; stream, statistics, norms and attention are not.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Manifest } from '../../workers/packs/manifest.ts';
import { relativeError } from '../pack/parity-helpers.ts';
import { PackRunner, type Plain } from '../pack/runner.ts';
import { TRUE_WIDTH } from './block-pack.ts';
import { draw } from './draw.ts';
import { largestHalves } from './halves.ts';
import { portFeeds } from './port-feeds.ts';
import { makeVaePack } from './vae-pack.ts';

const GROUPS = 32;

let folder: string;
let manifest: Manifest;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vae-range-'));
  manifest = await makeVaePack(folder, TRUE_WIDTH);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Every fifth channel 1e5 times as large as the others, which are drawn from -1 … 1. */
function large(name: string, dims: readonly number[]): Float32Array {
  const [, channels = 1] = dims;
  const values = draw(`input.${name}`, dims);
  const plane = values.length / channels;
  return values.map((value, i) => (Math.floor(i / plane) % 5 === 0 ? 1e5 * value : value));
}

/** Mean and 1/deviation of the groups of `[1, channels, rows, columns]`, as the pipeline gives them. */
function normOf({ data }: Plain): Float32Array {
  const norm = new Float32Array(2 * GROUPS);
  const size = data.length / GROUPS;
  for (let group = 0; group < GROUPS; group++) {
    const part = Float64Array.from(data.subarray(group * size, (group + 1) * size));
    const mean = part.reduce((sum, value) => sum + value, 0) / size;
    const variance = part.reduce((sum, value) => sum + (value - mean) ** 2, 0) / size;
    norm[group] = mean;
    norm[GROUPS + group] = 1 / Math.sqrt(variance + 1e-6);
  }
  return norm;
}

function feedsOf(instance: string): Record<string, Plain> {
  const feeds = portFeeds(manifest, instance, (name, dims) =>
    ['x', 'h'].includes(name) ? large(name, dims) : draw(`input.${name}`, dims),
  );
  const normed = feeds.h ?? feeds.x;
  if (feeds.norm && normed) feeds.norm = { ...feeds.norm, data: normOf(normed) };
  return feeds;
}

/** One instance of each graph that takes a stream. Attention itself is fp32 in both modes. */
function instancesOf({ instances, graphs }: Manifest): string[] {
  const takesStream = (graph: string) => graphs[graph]?.inputs.some(({ name }) => name === 'x' || name === 'h');
  const byGraph = new Map(Object.entries(instances).map(([id, { graph }]) => [graph, id]));
  return [...byGraph].filter(([graph]) => takesStream(graph)).map(([, id]) => id);
}

it('graphs of the autoencoder keep fp16 values in range in mode f16 with activations of ±1e5', async () => {
  const options = { budget: 64e6 };
  const wide = new PackRunner(folder, manifest, options);
  const narrow = new PackRunner(folder, manifest, { ...options, mode: 'f16' });
  const ids = instancesOf(manifest);
  // Both halves of residual blocks between 7 pairs of widths, 3 ways down, 2 up, the attention's two ends, 2 graphs that end chains.
  expect(ids.length).toBe(23);
  for (const id of ids) {
    const feeds = feedsOf(id);
    const halves = await largestHalves(folder, manifest, id, feeds);
    for (const [name, most] of halves) expect(most, `${id}, ${name}`).toBeLessThan(65504);
    const got = await narrow.run(id, feeds);
    for (const [name, { data }] of Object.entries(await wide.run(id, feeds))) {
      // Half a unit in the last place of fp16 is 4.9e-4 of a value.
      expect(relativeError(got[name]?.data ?? [], data), `${id}.${name}`).toBeLessThan(1e-3);
    }
  }
  await wide.close();
  await narrow.close();
  // The check finds what doesn't fit: at 1e8 the headroom of a convolution of the stream is used up.
  const feeds = feedsOf('enc.0.down');
  const x = { dims: feeds.x?.dims ?? [], data: Float32Array.from(feeds.x?.data ?? [], (value) => 1000 * value) };
  const overflowing = await largestHalves(folder, manifest, 'enc.0.down', { ...feeds, x });
  expect(Math.max(...overflowing.values())).toBe(Number.POSITIVE_INFINITY);
}, 180_000);
