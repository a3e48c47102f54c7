/**
 * Blocks in mode f16 with large activations, on onnxruntime-web's wasm: every fp16 value in range, and the result near
 * float32. Hidden 512 with RealRestorer's 12288 in the MLP, so that its sums are as long; with LONG=1 its full width.
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
import { largestHalves } from './halves.ts';

const NARROW = { ...TRUE_WIDTH.transformer, hidden_size: 512, num_heads: 4, mlp_ratio: 24 };
// The text encoder is fp32 in both modes.
const { text_encoder: _, ...DIT } = TRUE_WIDTH;
const CONFIG = process.env.LONG === '1' ? DIT : { ...DIT, transformer: NARROW };
const HIDDEN = CONFIG.transformer.hidden_size;

let folder: string;
let pack: PackFolder;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'true-width-'));
  await makeBlockPack(folder, CONFIG);
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
    data[row * HIDDEN + HIDDEN / 2] = -size;
    data[row * HIDDEN + HIDDEN - 72] = size;
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

describe.each(BLOCKS)('%s', (block) => {
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
    const halves = await largestHalves(folder, pack.manifest, block, feeds);
    for (const [name, most] of halves) expect(most, name).toBeLessThan(65504);
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
