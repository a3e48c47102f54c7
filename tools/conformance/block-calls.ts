/** One call of a block of `block-pack.ts`, on any backend: in Node, and in the browser's worker. */
import type { Manifest } from '../../workers/packs/manifest.ts';
import type { Backend, TensorData } from '../../workers/pipeline/backend.ts';
import { languageTables, type Position, visionTables } from '../../workers/pipeline/qwen/positions.ts';
import { batchesOf, windowsOf } from '../../workers/pipeline/qwen/windows.ts';
import { ropeTables } from '../../workers/pipeline/rope.ts';
import { mergePadding } from '../../workers/pipeline/text-rows.ts';
import { QWEN_7B } from '../pack/qwen-7b.ts';
import { PREFIX_IDS } from '../pack/qwen-ids.ts';
import { draw } from './draw.ts';

/** Token grid of target and reference, text tokens and those that are not padding, as in fixtures/true_width.py. */
const ROWS = 2;
const COLUMNS = 3;
const TOKENS = 7;
const VALID = 4;
/** Rows of the modulation tables, and the one that is used. */
const STEPS = 2;
const STEP = 1;

export const BLOCKS = ['double.0', 'single.0', 'last.0'] as const;
/** Of the text encoder: one block of the vision tower, one layer of the language model. */
export const TEXT_BLOCKS = ['vision.0', 'text.0'] as const;
export type Block = (typeof BLOCKS)[number] | (typeof TEXT_BLOCKS)[number];

/** As in fixtures/true_width_qwen.py. */
const GROUPS = { rows: 1, columns: 6 };
const POSITIONS: readonly Position[] = [
  [224, 224, 224],
  [224, 224, 225],
  [226, 226, 226],
  [227, 227, 227],
  [228, 228, 228],
];

export interface Feed {
  readonly dtype: 'float32' | 'int32';
  readonly dims: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/** Every data input of a block by name: `img`, `txt` and the modulation tables drawn, -1 … 1. */
export function blockFeeds(manifest: Pick<Manifest, 'family' | 'switches'>, block: Block): Record<string, Feed> {
  if (block === 'vision.0' || block === 'text.0') return textFeeds(block);
  const { family, switches } = manifest;
  const rope = ropeTables(family, ROWS, COLUMNS, switches.reference);
  const text = mergePadding(TOKENS, VALID);
  const drawn = (name: string, dims: readonly number[]): Feed => ({
    dtype: 'float32',
    dims,
    data: draw(`input.${name}`, dims),
  });
  const common = {
    img: drawn('img', [1, rope.dims[1], family.hidden]),
    txt: drawn('txt', [1, text.count, family.hidden]),
    cos: { dtype: 'float32', dims: rope.dims, data: rope.cos },
    sin: { dtype: 'float32', dims: rope.dims, data: rope.sin },
    step: { dtype: 'int32', dims: [], data: Int32Array.of(STEP) },
    text_rows: { dtype: 'int32', dims: [TOKENS], data: text.index },
  } as const;
  if (block !== 'double.0') return { ...common, mod: drawn('mod', [STEPS, 3 * family.hidden]) };
  const table = [STEPS, 6 * family.hidden];
  return { ...common, img_mod: drawn('img_mod', table), txt_mod: drawn('txt_mod', table) };
}

function textFeeds(block: (typeof TEXT_BLOCKS)[number]): Record<string, Feed> {
  const float = (dims: readonly number[], data: Float32Array): Feed => ({ dtype: 'float32', dims, data });
  const int = (dims: readonly number[], data: Int32Array): Feed => ({ dtype: 'int32', dims, data });
  if (block === 'text.0') {
    const { language } = QWEN_7B;
    const { cos, sin, dims } = languageTables(POSITIONS, language.sections, language.theta);
    const count = POSITIONS.length;
    const keys = PREFIX_IDS.length + count;
    const bias = new Float32Array(count * keys);
    for (let query = 0; query < count; query++)
      bias.fill(-1e9, query * keys + keys - count + query + 1, (query + 1) * keys);
    const x = [1, count, language.hidden];
    return {
      x: float(x, draw('input.x', x)),
      cos: float(dims, cos),
      sin: float(dims, sin),
      bias: float([1, 1, count, keys], bias),
    };
  }
  const { vision } = QWEN_7B;
  const windows = windowsOf(GROUPS, vision.window);
  const order = windows.flat();
  const { cos, sin, dims } = visionTables(GROUPS, order, vision.merge, vision.hidden / vision.heads);
  const batches = batchesOf(windows.map((window) => window.length * vision.merge ** 2));
  const x = [1, order.length * vision.merge ** 2, vision.hidden];
  return {
    x: float(x, draw('input.x', x)),
    cos: float(dims, cos),
    sin: float(dims, sin),
    rows: int([batches.count, batches.length], batches.rows),
    back: int([batches.back.length], batches.back),
    bias: float([batches.count, 1, batches.length, batches.length], batches.bias),
  };
}

/** Uploads the feeds, runs the block once and gives its outputs by name. */
export async function runBlock(
  backend: Backend,
  block: Block,
  feeds: Readonly<Record<string, Feed>>,
): Promise<Record<string, TensorData>> {
  const fed = Object.entries(feeds).map(
    ([name, { dtype, dims, data }]) => [name, backend.upload(dtype, dims, data)] as const,
  );
  try {
    const outputs = Object.entries(await backend.run(block, Object.fromEntries(fed)));
    try {
      const values: Record<string, TensorData> = {};
      for (const [name, tensor] of outputs) values[name] = await backend.download(tensor);
      return values;
    } finally {
      for (const [, tensor] of outputs) tensor.dispose();
    }
  } finally {
    for (const [, tensor] of fed) tensor.dispose();
  }
}
