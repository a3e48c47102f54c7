/** What every backend's `join` comes down to: copies of contiguous runs of elements. Pure. */
import { EngineError } from '../errors.ts';
import type { DType, Piece, TensorData } from './backend.ts';

/** In elements. */
export interface Copy {
  /** Index of the piece. */
  readonly piece: number;
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

export interface Joined {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly copies: readonly Copy[];
  /** Runs of zeros: `[start, length]` in elements. */
  readonly zeros: readonly (readonly [number, number])[];
}

const product = (dims: readonly number[]) => dims.reduce((all, side) => all * side, 1);

/** @throws EngineError 'internal' when pieces do not fit together or reach beyond their tensor */
export function planJoin(axis: number, pieces: readonly Piece[], before: number, after: number): Joined {
  const [first] = pieces;
  if (!first) throw new EngineError('internal', 'nothing to join');
  const { dtype } = first.tensor;
  const like = first.tensor.dims;
  if (dtype !== 'float32' && dtype !== 'int32') throw new EngineError('internal', `can't join ${dtype}`);
  for (const { tensor, start, rows } of pieces) {
    const fits = tensor.dims.length === like.length && tensor.dims.every((side, i) => i === axis || side === like[i]);
    if (tensor.dtype !== dtype || !fits || start < 0 || rows < 1 || start + rows > (tensor.dims[axis] ?? 0)) {
      throw new EngineError('internal', `can't join rows ${start} to ${start + rows} of [${tensor.dims}] to [${like}]`);
    }
  }
  const rows = pieces.reduce((sum, piece) => sum + piece.rows, before + after);
  const outer = product(like.slice(0, axis));
  const inner = product(like.slice(axis + 1));
  const copies: Copy[] = [];
  const zeros: [number, number][] = [];
  for (let o = 0; o < outer; o++) {
    let to = o * rows * inner;
    if (before > 0) zeros.push([to, before * inner]);
    to += before * inner;
    for (const [piece, { tensor, start, rows: count }] of pieces.entries()) {
      const length = count * inner;
      copies.push({ piece, from: (o * (tensor.dims[axis] as number) + start) * inner, to, length });
      to += length;
    }
    if (after > 0) zeros.push([to, after * inner]);
  }
  return { dtype, dims: like.map((side, i) => (i === axis ? rows : side)), copies, zeros };
}

/** The joined elements, for tensors that lie in JavaScript memory; zeros are those of a new array. */
export function joinData({ dtype, dims, copies }: Joined, sources: readonly TensorData[]): TensorData {
  const out = dtype === 'float32' ? new Float32Array(product(dims)) : new Int32Array(product(dims));
  for (const { piece, from, to, length } of copies) {
    const source = sources[piece];
    if (!source) throw new EngineError('internal', `no piece ${piece}`);
    out.set(source.subarray(from, from + length), to);
  }
  return out;
}
