/**
 * One double, one single and one last block of RealRestorer's width (hidden 3072) at 4 bits, on onnxruntime-web's wasm:
 * against the authors' PyTorch modules (tools/pack/fixtures/true_width.py), and in fp16 with large activations.
 * e2e/true-width.spec.ts does the first in a browser.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Mode } from '../../workers/packs/manifest.ts';
import { NodeBackend } from '../backend-node/backend.ts';
import { loadOrt } from '../backend-node/ort.ts';
import { PackFolder } from '../backend-node/pack-folder.ts';
import { relativeError } from '../pack/parity-helpers.ts';
import { BLOCKS, type Block, blockFeeds, type Feed, runBlock } from './block-calls.ts';
import { makeBlockPack, TRUE_WIDTH } from './block-pack.ts';
import { readTrueWidth } from './true-width.ts';

const HIDDEN = TRUE_WIDTH.transformer.hidden_size;

let folder: string;
let pack: PackFolder;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'true-width-'));
  await makeBlockPack(folder, TRUE_WIDTH);
  pack = await PackFolder.open(folder, ['dit']);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(block: Block, feeds: Readonly<Record<string, Feed>>, mode: Mode = 'f32') {
  const backend = new NodeBackend(await loadOrt('wasm', 1), 'wasm', pack, { mode });
  try {
    return await runBlock(backend, block, feeds);
  } finally {
    await backend.dispose();
  }
}

/** Three channels of the stream at ±1e5, a little less on every other token. */
function withOutliers(feed: Feed): Feed {
  const data = Float32Array.from(feed.data);
  for (let row = 0; row * HIDDEN < data.length; row++) {
    const size = row % 2 === 0 ? 1e5 : 0.9e5;
    data[row * HIDDEN + 7] = size;
    data[row * HIDDEN + 1500] = -size;
    data[row * HIDDEN + 3000] = size;
  }
  return { ...feed, data };
}

/** A modulation table whose shifts and scales, but not gates, are `times` larger: so is everything up to the residual. */
function amplified(feed: Feed, times: number): Feed {
  const width = feed.dims[1] ?? 0;
  const isGate = (i: number) => Math.floor((i % width) / HIDDEN) % 3 === 2;
  return { ...feed, data: Float32Array.from(feed.data, (value, i) => (isGate(i) ? value : value * times)) };
}

/** Changes the feeds whose names are given. */
function change(feeds: Record<string, Feed>, names: readonly string[], how: (feed: Feed) => Feed) {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, feed]) => [name, names.includes(name) ? how(feed) : feed]),
  );
}

describe.each(BLOCKS)('%s at hidden 3072', (block) => {
  it('equals PyTorch to 1e-4 with 4-bit weights', async () => {
    const outputs = await run(block, blockFeeds(pack.manifest, block));
    const expected = await readTrueWidth(block);
    expect(Object.keys(outputs).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, values] of Object.entries(expected)) {
      const error = relativeError(outputs[name] ?? [], values);
      expect(error, `${block}.${name}: ${error}`).toBeLessThan(1e-4);
    }
  });

  it.each([
    ['a residual stream of ±1e5', 0, (feeds: Record<string, Feed>) => change(feeds, ['img', 'txt'], withOutliers)],
    [
      // Hidden values of the MLP reach 6e4, near the most that fp16 holds, and what it adds is more than that.
      'an MLP that adds ±1e5',
      65504,
      (feeds: Record<string, Feed>) => change(feeds, ['mod', 'img_mod', 'txt_mod'], (feed) => amplified(feed, 10_700)),
    ],
  ])('stays finite and near float32 in mode f16 with %s', async (_what, least, prepare) => {
    const feeds = prepare(blockFeeds(pack.manifest, block));
    const [wide, narrow] = [await run(block, feeds), await run(block, feeds, 'f16')];
    for (const [name, values] of Object.entries(wide)) {
      // Only what the block adds is compared: the stream itself would hide any error. `last` starts with the target's rows.
      const start = feeds[name]?.data ?? [];
      const added = Float32Array.from(values, (value, i) => value - (start[i] ?? 0));
      const addedInHalves = Float32Array.from(narrow[name] ?? [], (value, i) => value - (start[i] ?? 0));
      expect(added.reduce((most, value) => Math.max(most, Math.abs(value)), 0)).toBeGreaterThan(least);
      expect(addedInHalves.every(Number.isFinite), name).toBe(true);
      // Half a unit in the last place of fp16 is 4.9e-4 of a value; some roundings in a row were measured to give 4e-4.
      const error = relativeError(addedInHalves, added);
      expect(error, `${block}.${name}: ${error}`).toBeLessThan(1.5e-3);
    }
  });
});
