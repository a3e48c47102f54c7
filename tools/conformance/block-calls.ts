/** One call of a block of `block-pack.ts`, on any backend: in Node, and in the browser's worker. */
import type { Manifest } from '../../workers/packs/manifest.ts';
import type { Backend, TensorData } from '../../workers/pipeline/backend.ts';
import { ropeTables } from '../../workers/pipeline/rope.ts';
import { mergePadding } from '../../workers/pipeline/text-rows.ts';
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
export type Block = (typeof BLOCKS)[number];

export interface Feed {
  readonly dtype: 'float32' | 'int32';
  readonly dims: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/** Every data input of a block by name: `img`, `txt` and the modulation tables drawn, -1 … 1. */
export function blockFeeds(manifest: Pick<Manifest, 'family' | 'switches'>, block: Block): Record<string, Feed> {
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
