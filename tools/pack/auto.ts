/**
 * `auto`: which task a photo needs, from crops at native resolution and a thumbnail: the first stages of a ResNet, whose
 * features' means and deviations two layers judge. All in fp32; the weights keep fp16, but for the first layer, which is half of
 * them. Means are ReduceMean: GlobalAveragePool has no WebGPU kernel here.
 */
import type { Value } from '../onnx/model.ts';
import { type Conv, convBias, convWith, kernelShape } from './conv.ts';
import type { Emitter } from './emitter.ts';
import { type Linear, linear, vector } from './linear.ts';

export interface AutoDims {
  /** Channels behind the first convolution. */
  readonly stem: number;
  /** Inner width of each stage's blocks; a quarter of what they give. */
  readonly widths: readonly number[];
  /** Blocks of each stage. */
  readonly blocks: readonly number[];
  /** Width between the two last layers. */
  readonly hidden: number;
  /** Side of a crop in px. */
  readonly crop: number;
  /** Side of the thumbnail in px. */
  readonly thumb: number;
  /** Tasks, and clean. */
  readonly classes: number;
}

/** Negative slope of the LeakyReLU between the two last layers. */
const SLOPE = { f: 0.1 };
/** Standard deviations that a feature may be off its mean. */
const LIMIT = 6;
/** Of a slice: up to the end. */
const END = 2 ** 31 - 1;

const relu = (e: Emitter, x: Value) => e.op('Relu', [x]);

function conv(e: Emitter, x: Value, spec: Conv): Value {
  const full = kernelShape(spec);
  const source = { tensor: `${spec.tensor}.weight`, full };
  const weight = e.weight(`${spec.tensor}.weight`, 'float32', { stored: e.formats.plain, shape: full, source });
  return convWith(e, x, weight, convBias(e, spec, 'float32'), spec);
}

/** relu(x + conv3(relu(conv2(relu(conv1(x)))))); the first block of a stage projects x, and halves it but in the first stage. */
function bottleneck(e: Emitter, x: Value, tensor: string, inner: number, width: number, stride: number): Value {
  const part = (name: string, out: number, from: number, kernel: number, step = 1): Conv => ({
    tensor: `${tensor}.${name}`,
    out,
    in: from,
    kernel,
    stride: step,
    pad: kernel >> 1,
  });
  const first = relu(e, conv(e, x, part('conv1', width, inner, 1, stride)));
  const second = relu(e, conv(e, first, part('conv2', width, width, 3)));
  const change = conv(e, second, part('conv3', 4 * width, width, 1));
  const own = inner === 4 * width ? x : conv(e, x, part('shortcut', 4 * width, inner, 1, stride));
  return relu(e, e.add(own, change));
}

/** Means over the last two axes and standard deviations, side by side: `[k,C,h,w]` to `[k,2C]`. */
function spread(e: Emitter, x: Value): Value {
  const over = e.model.constant('int64', [2, 3]);
  const mean = e.op('ReduceMean', [x, over], { keepdims: 1 });
  const off = e.op('Sub', [x, mean]);
  const variance = e.op('ReduceMean', [e.mul(off, off), over], { keepdims: 0 });
  return e.concat([e.op('ReduceMean', [x, over], { keepdims: 0 }), e.op('Sqrt', [variance])], 1);
}

/**
 * The larger one of the values at 2i - 1, 2i and 2i + 1, none before the first: a max pool of 3 with stride 2 and a border of
 * 1 along one axis. MaxPool itself has no WebGPU kernel in this opset; max(a, b) is a + relu(b - a).
 */
function halved(e: Emitter, x: Value, axis: number): Value {
  const part = (value: Value, ...[from, end, step]: [number, number, number]) =>
    e.op('Slice', [value, ...[from, end, axis, step].map((each) => e.model.constant('int64', [each]))]);
  const larger = (a: Value, b: Value) => e.add(a, relu(e, e.op('Sub', [b, a])));
  const even = part(x, 0, END, 2);
  const odd = part(x, 1, END, 2);
  // Each moved by one; the first has none before it and takes its own.
  const before = e.concat([part(odd, 0, 1, 1), part(odd, 0, -1, 1)], axis);
  return larger(larger(even, odd), before);
}

/** `[k,3,side,side]` in [-1,1] to `[k,2C]`: `spread` of the stem and of each stage. */
function see(e: Emitter, photo: Value, d: AutoDims): Value {
  const offset = vector(e, 'auto.offset', 'float32', { tensor: 'auto.offset', full: [3] }, [1, 3, 1, 1]);
  const bytes = e.mul(e.add(photo, e.scalar('float32', 1)), e.scalar('float32', 127.5));
  const stem: Conv = { tensor: 'auto.stem', out: d.stem, in: 3, kernel: 7, stride: 2, pad: 3 };
  let h = relu(e, conv(e, e.op('Sub', [bytes, offset]), stem));
  const seen = [spread(e, h)];
  h = halved(e, halved(e, h, 2), 3);
  let inner = d.stem;
  d.widths.forEach((width, n) => {
    for (let block = 0; block < (d.blocks[n] ?? 0); block++) {
      h = bottleneck(e, h, `auto.stages.${n}.${block}`, inner, width, n > 0 && block === 0 ? 2 : 1);
      inner = 4 * width;
    }
    seen.push(spread(e, h));
  });
  return e.concat(seen, 1);
}

/** `auto`: `crops` `[k,3,crop,crop]` and `thumb` `[1,3,thumb,thumb]`, RGB in [-1,1], to `logits` `[1,classes]`. */
export function autoHead(e: Emitter, d: AutoDims): void {
  const crops = see(e, e.input('crops', ['k', 3, d.crop, d.crop]), d);
  const thumb = see(e, e.input('thumb', [1, 3, d.thumb, d.thumb]), d);
  const among = (type: string) => e.op(type, [crops, e.model.constant('int64', [0])], { keepdims: 1 });
  const features = 6 * d.widths.reduce((sum, width) => sum + 4 * width, d.stem);
  const known = (name: string) => vector(e, `auto.${name}`, 'float32', { tensor: `auto.${name}`, full: [features] });
  const all = e.concat([among('ReduceMean'), among('ReduceMax'), thumb], 1);
  const even = e.mul(e.op('Sub', [all, known('mean')]), known('scale'));
  const bounded = e.op('Clip', [even, e.scalar('float32', -LIMIT), e.scalar('float32', LIMIT)]);
  const layer = (name: string, out: number, from: number, role: Linear['role']): Linear => ({
    name: `auto.${name}`,
    tensor: `auto.${name}`,
    out,
    in: from,
    bias: true,
    role,
  });
  const hidden = e.op('LeakyRelu', [linear(e, bounded, layer('fc1', d.hidden, features, 'embedder'), 'float32')], {
    alpha: SLOPE,
  });
  e.output('logits', linear(e, hidden, layer('fc2', d.classes, d.hidden, 'plain'), 'float32'), [1, d.classes]);
}
