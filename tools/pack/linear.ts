/** Linear layers and small parts of them, as ONNX nodes. Weights `[N, K]` as PyTorch keeps them. */
import type { Value } from '../onnx/model.ts';
import type { Emitter, Role, Source } from './emitter.ts';
import { BLOCK } from './quantise.ts';

/**
 * In mode f16 the inputs of attention projections and of MLP down-projections are scaled by this, and their fp32 results
 * by the inverse, so that sums over thousands of products stay under 65504 (design.md, "Number formats").
 */
const HEADROOM = 1 / 16;

export interface Linear {
  /** Base of the weights' names in the graph. */
  readonly name: string;
  /** Tensor name without `.weight` / `.bias`. */
  readonly tensor: string;
  /** Rows of the whole tensor; `rows` and `columns` pick a part. */
  readonly out: number;
  readonly in: number;
  readonly rows?: readonly [start: number, count: number];
  readonly columns?: readonly [start: number, count: number];
  readonly bias: boolean;
  /** The tensor is a 1×1 convolution, `[out, in, 1, 1]`. */
  readonly pointwise?: boolean;
  /** Shape of the tensor where it is neither `[out, in]` nor pointwise; `in` is the product of all but the first. */
  readonly full?: readonly number[];
  /** Rows and columns with zeros behind the tensor's own, where the matrix is quantised (`paddedWidth`). */
  readonly padOut?: number;
  readonly padIn?: number;
  /** What the matrix does, which decides its bits (`formatsFor`). */
  readonly role: Role;
}

function weightSource(spec: Linear): Source {
  return {
    tensor: `${spec.tensor}.weight`,
    full: spec.full ?? (spec.pointwise === true ? [spec.out, spec.in, 1, 1] : [spec.out, spec.in]),
    ...(spec.rows && { rows: spec.rows }),
    ...(spec.columns && { columns: spec.columns }),
    ...(spec.padIn !== undefined && spec.padIn > spec.in && { padTo: spec.padIn }),
  };
}

/** A bias (or another vector) as a weight; always stored f32, they are small. */
export function vector(
  e: Emitter,
  name: string,
  dtype: 'compute' | 'float32',
  source: Source,
  shape?: number[],
): Value {
  const length = source.rows?.[1] ?? source.full.reduce((a, b) => a * b, 1);
  return e.weight(name, dtype, { stored: 'f32', shape: shape ?? [length], source });
}

export function biasOf(e: Emitter, spec: Linear, dtype: 'compute' | 'float32'): Value {
  const source = { tensor: `${spec.tensor}.bias`, full: [spec.out], ...(spec.rows && { rows: spec.rows }) };
  return vector(e, `${spec.name}.bias`, dtype, source, spec.padOut === undefined ? undefined : [spec.padOut]);
}

/** Features of a layer's hidden side: as it is, or the next multiple of 32 where the matrix that reads them is quantised. */
export function paddedWidth(e: Emitter, width: number, role: Role): number {
  return e.formats.bits[role] <= 8 ? Math.ceil(width / BLOCK) * BLOCK : width;
}

/**
 * `x · Wᵀ (+ bias)` with x, weights and result in `dtype`: MatMulNBits where the weight is quantised, MatMul otherwise.
 * A bias goes with the matmul only when `spec.bias`; the caller may add it itself in another dtype.
 */
export function linear(e: Emitter, x: Value, spec: Linear, dtype: 'compute' | 'float32' = 'compute'): Value {
  const n = spec.padOut ?? spec.rows?.[1] ?? spec.out;
  const k = spec.padIn ?? spec.columns?.[1] ?? spec.in;
  const bits = e.formats.bits[spec.role];
  const source = weightSource(spec);
  if ((bits === 4 || bits === 8) && k % BLOCK === 0) {
    const shape = [n, k / BLOCK, bits === 4 ? BLOCK / 2 : BLOCK];
    const blocks = { bits, n, k } as const;
    const b = e.weight(`${spec.name}.b`, 'uint8', {
      stored: bits === 4 ? 'q4' : 'q8',
      shape,
      source,
      blocks: { part: 'b', ...blocks },
    });
    const scales = e.weight(`${spec.name}.scales`, dtype, {
      stored: 'f16',
      shape: [n, k / BLOCK],
      source,
      blocks: { part: 'scales', ...blocks },
    });
    const inputs = spec.bias ? [x, b, scales, '', '', biasOf(e, spec, dtype)] : [x, b, scales];
    return e.contrib('MatMulNBits', inputs, { K: k, N: n, bits, block_size: BLOCK });
  }
  const weight = e.weight(`${spec.name}.weight`, dtype, {
    stored: e.formats.plain,
    shape: [k, n],
    source: { ...source, transpose: true },
  });
  const product = e.op('MatMul', [x, weight]);
  return spec.bias ? e.add(product, biasOf(e, spec, dtype)) : product;
}

/** Scales an activation down for `linearWide`; nothing in mode f32. */
export function withHeadroom(e: Emitter, x: Value): Value {
  return e.mode === 'f16' ? e.mul(x, e.scalar('compute', HEADROOM)) : x;
}

/**
 * A linear whose result is float32: input scaled by `withHeadroom`, product widened and scaled back. No bias: the caller
 * adds it with `addBias` once all products of a sum are there.
 */
export function linearWide(e: Emitter, scaled: Value, spec: Linear): Value {
  const product = e.widen(linear(e, scaled, { ...spec, bias: false }));
  return e.mode === 'f16' ? e.mul(product, e.scalar('float32', 1 / HEADROOM)) : product;
}

export function addBias(e: Emitter, x: Value, spec: Linear): Value {
  return e.add(x, biasOf(e, spec, 'float32'));
}
