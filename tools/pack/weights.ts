/** From tensors of a checkpoint to the bytes of weights: finds them, lists what is wrong, cuts and converts them. */
import { narrowToHalves } from '../../workers/packs/half.ts';
import type { Recipe, Source } from './emitter.ts';
import { type Blocks, quantiseBlocks, quantiseRows } from './quantise.ts';
import type { Checkpoint } from './safetensors.ts';

/** One weight of an instance: its recipe, with the tensor's full name. */
export interface Wanted {
  readonly id: string;
  readonly recipe: Recipe;
  readonly tensor: string;
}

/**
 * Compares what the graphs want with what the checkpoint holds.
 *
 * @param ignored tensors that may be there and are not used
 * @throws Error that lists every missing, mis-shaped and unknown tensor
 */
export function checkTensors(
  checkpoint: Pick<Checkpoint, 'names' | 'shape'>,
  wanted: readonly { tensor: string; full: readonly number[] }[],
  ignored: readonly string[],
): void {
  const expected = new Map(wanted.map(({ tensor, full }) => [tensor, full]));
  const lines: string[] = [];
  for (const [tensor, full] of expected) {
    const shape = checkpoint.shape(tensor);
    if (shape === undefined) lines.push(`missing: ${tensor} [${full.join(', ')}]`);
    else if (shape.join() !== full.join()) {
      lines.push(`wrong shape: ${tensor} is [${shape.join(', ')}], should be [${full.join(', ')}]`);
    }
  }
  for (const name of checkpoint.names()) {
    if (!expected.has(name) && !ignored.includes(name)) lines.push(`unknown: ${name}`);
  }
  if (lines.length > 0) throw new Error(`The checkpoint and its config disagree:\n${lines.join('\n')}`);
}

/** Reads one part of a tensor as float32. */
async function load(checkpoint: Checkpoint, tensor: string, source: Source): Promise<Float32Array> {
  const [height = 1, width = 1] = source.full;
  const rows = source.rows ?? [0, height];
  let values = await checkpoint.read(tensor, { start: rows[0], count: rows[1] });
  if (source.columns) values = takeColumns(values, width, source.columns);
  if (source.transpose === true) values = transpose(values, rows[1]);
  if (source.plus !== undefined) for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) + source.plus;
  return values;
}

function takeColumns(values: Float32Array, width: number, [start, count]: readonly [number, number]): Float32Array {
  const height = values.length / width;
  const out = new Float32Array(height * count);
  for (let y = 0; y < height; y++) {
    out.set(values.subarray(y * width + start, y * width + start + count), y * count);
  }
  return out;
}

function transpose(values: Float32Array, height: number): Float32Array {
  const width = values.length / height;
  const out = new Float32Array(values.length);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) out[x * height + y] = values[y * width + x] ?? 0;
  return out;
}

export const bytesOf = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** fp16 bytes; refuses values that fp16 can't hold, because infinities in a weight are never wanted. */
export function halves(values: Float32Array, label: string): Uint8Array {
  for (const value of values) {
    if (!(Math.abs(value) < 65520)) throw new Error(`${label}: ${value} does not fit fp16`);
  }
  const out = new Uint16Array(values.length);
  narrowToHalves(values, out);
  return bytesOf(out);
}

/** Makes the stored bytes of weights, one after the other; the two weights of a quantised matrix are made together. */
export class WeightMaker {
  private readonly checkpoint: Checkpoint;
  private known: { key: string; blocks: Blocks } | null = null;

  constructor(checkpoint: Checkpoint) {
    this.checkpoint = checkpoint;
  }

  async make({ id, recipe, tensor }: Wanted): Promise<Uint8Array> {
    const { source, blocks } = recipe;
    if (blocks !== undefined) {
      const made = await this.blocksOf(tensor, source, blocks);
      return bytesOf(blocks.part === 'b' ? made.b : made.scales);
    }
    const values = await load(this.checkpoint, tensor, source);
    switch (recipe.stored) {
      case 'f32':
        return bytesOf(values);
      case 'f16':
        return halves(values, id);
      case 'i8c':
        return quantiseRows(values, recipe.shape[0] ?? 1);
      case 'q4':
      case 'q8':
        throw new Error(`${id}: a block-quantised weight without its recipe`);
    }
  }

  private async blocksOf(tensor: string, source: Source, how: NonNullable<Recipe['blocks']>): Promise<Blocks> {
    const key = JSON.stringify([tensor, source, how.bits]);
    if (this.known?.key !== key) {
      const values = await load(this.checkpoint, tensor, source);
      this.known = { key, blocks: quantiseBlocks(values, how.n, how.k, how.bits) };
    }
    return this.known.blocks;
  }
}
