/** Convolutions of the VAEs, as ONNX nodes. Weights `[out, in, kh, kw]` as PyTorch keeps them. */
import type { Value } from '../onnx/model.ts';
import type { Emitter, Stored } from './emitter.ts';
import { vector } from './linear.ts';

export interface Conv {
  /** Tensor name without `.weight` / `.bias`, and base of the weights' names in the graph. */
  readonly tensor: string;
  readonly out: number;
  readonly in: number;
  /** One number, or rows and columns; so is the stride. */
  readonly kernel: number | readonly [number, number];
  readonly stride?: number | readonly [number, number];
  /** Input channels are `in` of each group. */
  readonly groups?: number;
  /** Zero padding: one number, or top, left, bottom, right. */
  readonly pad?: number | readonly [number, number, number, number];
  /** First and last layers keep fp16 where the others are 8-bit. */
  readonly edge?: boolean;
  /** Only these output channels are made. */
  readonly rows?: readonly [start: number, count: number];
}

const both = (size: number | readonly [number, number]) => (typeof size === 'number' ? [size, size] : size);

/** `[out, in, kh, kw]` */
export const kernelShape = (spec: Conv) => [spec.out, spec.in, ...both(spec.kernel)];

export function convWeight(e: Emitter, spec: Conv): Value {
  const full = kernelShape(spec);
  const stored: Stored = spec.edge === true && e.formats.conv === 'i8c' ? 'f16' : e.formats.conv;
  const source = { tensor: `${spec.tensor}.weight`, full, ...(spec.rows && { rows: spec.rows }) };
  return e.weight(`${spec.tensor}.weight`, 'compute', {
    stored,
    shape: [spec.rows?.[1] ?? spec.out, ...full.slice(1)],
    source,
  });
}

export function convBias(e: Emitter, spec: Conv, dtype: 'compute' | 'float32' = 'compute'): Value {
  const source = { tensor: `${spec.tensor}.bias`, full: [spec.out], ...(spec.rows && { rows: spec.rows }) };
  return vector(e, `${spec.tensor}.bias`, dtype, source);
}

/** A convolution in `compute` with the given weight and bias ('' for none). */
export function convWith(e: Emitter, x: Value, weight: Value, bias: Value, spec: Conv): Value {
  const pad = spec.pad ?? 0;
  return e.op('Conv', bias === '' ? [x, weight] : [x, weight, bias], {
    kernel_shape: both(spec.kernel),
    strides: both(spec.stride ?? 1),
    pads: typeof pad === 'number' ? [pad, pad, pad, pad] : pad,
    ...(spec.groups !== undefined && { group: spec.groups }),
  });
}

export function conv(e: Emitter, x: Value, spec: Conv): Value {
  return convWith(e, x, convWeight(e, spec), convBias(e, spec), spec);
}

/** Pixel shuffle by 2 in PyTorch's channel order. */
export function pixelShuffle(e: Emitter, x: Value): Value {
  return e.op('DepthToSpace', [x], { blocksize: 2, mode: 'CRD' });
}
