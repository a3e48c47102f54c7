/**
 * `auto`: which task a photo needs, from crops at native resolution and the conditioning's thumbnail. All in fp32; the
 * weights keep fp16, they are few. Pooling is ReduceMean and ReduceMax: GlobalAveragePool has no WebGPU kernel here.
 */
import type { Value } from '../onnx/model.ts';
import { type Conv, convBias, convWith } from './conv.ts';
import type { Emitter } from './emitter.ts';
import { type Linear, linear } from './linear.ts';

export interface AutoDims {
  readonly widths: readonly number[];
  /** Side of a crop in px. */
  readonly crop: number;
  /** Side of the thumbnail in px. */
  readonly thumb: number;
  /** Tasks, and clean. */
  readonly classes: number;
}

/** Negative slope of every LeakyReLU. */
const SLOPE = { f: 0.1 };
/** Width between the two last layers. */
const HIDDEN = 128;

const lrelu = (e: Emitter, x: Value) => e.op('LeakyRelu', [x], { alpha: SLOPE });

function conv(e: Emitter, x: Value, spec: Conv): Value {
  const full = [spec.out, spec.in, spec.kernel, spec.kernel];
  const source = { tensor: `${spec.tensor}.weight`, full };
  const weight = e.weight(`${spec.tensor}.weight`, 'float32', { stored: e.formats.plain, shape: full, source });
  return convWith(e, x, weight, convBias(e, spec, 'float32'), spec);
}

const stem = (tensor: string, out: number): Conv => ({ tensor, out, in: 3, kernel: 6, stride: 2, pad: 2 });
const down = (tensor: string, out: number, from: number): Conv => ({
  tensor,
  out,
  in: from,
  kernel: 3,
  stride: 2,
  pad: 1,
});

/** x + conv2(lrelu(conv1(x))) */
function block(e: Emitter, x: Value, tensor: string, width: number): Value {
  const square = (name: string): Conv => ({ tensor: `${tensor}.${name}`, out: width, in: width, kernel: 3, pad: 1 });
  return e.add(x, conv(e, lrelu(e, conv(e, x, square('conv1'))), square('conv2')));
}

/** Mean and max over the given axes, side by side along axis 1. */
function pooled(e: Emitter, x: Value, axes: readonly number[], keepdims: 0 | 1): Value {
  const over = e.model.constant('int64', [...axes]);
  return e.concat([e.op('ReduceMean', [x, over], { keepdims }), e.op('ReduceMax', [x, over], { keepdims })], 1);
}

/** `auto`: `crops` `[k,3,crop,crop]` and `thumb` `[1,3,thumb,thumb]`, RGB in [-1,1], to `logits` `[1,classes]`. */
export function autoHead(e: Emitter, d: AutoDims): void {
  const crops = e.input('crops', ['k', 3, d.crop, d.crop]);
  const thumb = e.input('thumb', [1, 3, d.thumb, d.thumb]);
  const width = (level: number) => d.widths[level] ?? 0;

  let h = conv(e, crops, stem('auto.stem', width(0)));
  let t = lrelu(e, conv(e, thumb, stem('auto.thumb.0', width(0))));
  for (let level = 0; level < d.widths.length; level++) {
    if (level > 0) {
      h = conv(e, h, down(`auto.down.${level - 1}`, width(level), width(level - 1)));
      t = lrelu(e, conv(e, t, down(`auto.thumb.${level}`, width(level), width(level - 1))));
    }
    h = block(e, h, `auto.blocks.${level}`, width(level));
  }
  const seen = pooled(e, pooled(e, h, [2, 3], 0), [0], 1);
  const both = e.concat([seen, pooled(e, t, [2, 3], 0)], 1);
  const features = 6 * width(d.widths.length - 1);
  const plain = (name: string, out: number, from: number): Linear => ({
    name: `auto.${name}`,
    tensor: `auto.${name}`,
    out,
    in: from,
    bias: true,
    role: 'plain',
  });
  const hidden = lrelu(e, linear(e, both, plain('fc1', HIDDEN, features), 'float32'));
  e.output('logits', linear(e, hidden, plain('fc2', d.classes, HIDDEN), 'float32'), [1, d.classes]);
}
