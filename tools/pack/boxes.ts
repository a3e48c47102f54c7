/** Means over boxes and the edges that they need, for the fixed parts of last passes; float32 in both modes. */
import type { Value } from '../onnx/model.ts';
import type { Emitter } from './emitter.ts';

type Pair = readonly [rows: number, columns: number];

/** `by` more rows and columns on every side. */
export function pad(e: Emitter, x: Value, by: number, mode: 'reflect' | 'edge'): Value {
  return e.op('Pad', [x, e.model.constant('int64', [0, 0, by, by, 0, 0, by, by])], { mode });
}

/** Mean of (2 radius + 1)² places, those at the edge repeated beyond it. */
export function box(e: Emitter, x: Value, channels: number, radius: number): Value {
  const side = 2 * radius + 1;
  return mean(e, mean(e, pad(e, x, radius, 'edge'), channels, [1, side]), channels, [side, 1]);
}

/** Of each channel, as a convolution. */
export function mean(e: Emitter, x: Value, channels: number, kernel: Pair, strides: Pair = [1, 1]): Value {
  const size = kernel[0] * kernel[1];
  const weight = e.model.constant('float32', Array(channels * size).fill(1 / size), [channels, 1, ...kernel]);
  return e.op('Conv', [x, weight], { kernel_shape: kernel, strides, group: channels });
}

/** `factor` times as large each way, linearly, as PyTorch does without `align_corners`. */
export function enlarged(e: Emitter, x: Value, factor: number): Value {
  const scales = e.model.constant('float32', [1, 1, factor, factor]);
  return e.op('Resize', [x, '', scales], { mode: 'linear', coordinate_transformation_mode: 'half_pixel' });
}
