/**
 * Graphs of the small, norm-free VAE with skips, one per level so that no call is long, and of its conditioning table.
 * RGB in [-1,1]. H × W pixels; level L works at H/2^(L+1).
 */
import type { Value } from '../onnx/model.ts';
import { type Conv, conv, convBias, convWeight, convWith, pixelShuffle } from './conv.ts';
import type { Emitter } from './emitter.ts';
import { type Linear, linear, vector } from './linear.ts';

export interface SmallVaeDims {
  readonly widths: readonly number[];
  readonly encoderBlocks: readonly number[];
  readonly decoderBlocks: readonly number[];
  readonly latentChannels: number;
  readonly pooledDim: number;
  readonly scale: number;
  readonly shift: number;
}

/** Negative slope of every LeakyReLU. */
export const SLOPE = { f: 0.1 };
/** Latents are 3·tanh(x/3). */
const RANGE = 3;

const at = (level: number) => `/${2 ** (level + 1)}`;
const plane = (channels: number, level: number) => [1, channels, `H${at(level)}`, `W${at(level)}`];
const width = (d: SmallVaeDims, level: number) => d.widths[level] ?? 0;
const square = (tensor: string, w: number): Conv => ({ tensor, out: w, in: w, kernel: 3, pad: 1 });

/** x + conv2(lrelu(conv1(x))) */
export function block(e: Emitter, x: Value, tensor: string, w: number): Value {
  const first = conv(e, x, square(`${tensor}.conv1`, w));
  return e.add(x, conv(e, e.op('LeakyRelu', [first], { alpha: SLOPE }), square(`${tensor}.conv2`, w)));
}

/**
 * Down through the levels of a small network and up again, with skips; tensors `before.L.i`, `down.L`, `up.L`, `after.L.i`.
 *
 * @param down and `up`: blocks of each level on either way; the lowest has those of `down` alone
 */
export function throughLevels(
  e: Emitter,
  x: Value,
  widths: readonly number[],
  down: readonly number[],
  up: readonly number[],
): Value {
  const wide = (level: number) => widths[level] ?? 0;
  const last = widths.length - 1;
  const run = (from: Value, way: string, level: number, count = 0) => {
    let h = from;
    for (let i = 0; i < count; i++) h = block(e, h, `${way}.${level}.${i}`, wide(level));
    return h;
  };
  const skips: Value[] = [];
  let h = x;
  for (let level = 0; level <= last; level++) {
    h = run(h, 'before', level, down[level]);
    if (level === last) break;
    skips.push(h);
    const half = { tensor: `down.${level}`, out: wide(level + 1), in: wide(level), kernel: 3, stride: 2, pad: 1 };
    h = e.op('LeakyRelu', [conv(e, h, half)], { alpha: SLOPE });
  }
  for (let level = last - 1; level >= 0; level--) {
    const twice = conv(e, h, { tensor: `up.${level}`, out: 4 * wide(level), in: wide(level + 1), kernel: 1 });
    h = run(e.add(skips[level] ?? '', pixelShuffle(e, twice)), 'after', level, up[level]);
  }
  return h;
}

/**
 * x + conv2(lrelu((1 + g)·conv1(x) + b)), with g and b from `pooled`. The modulation is folded into conv1's weights at run
 * time (it is one factor and one offset an output channel), which saves two passes over the plane.
 */
function filmBlock(e: Emitter, x: Value, pooled: Value, tensor: string, w: number, pooledDim: number): Value {
  const film: Linear = {
    name: `${tensor}.film`,
    tensor: `${tensor}.film`,
    out: 2 * w,
    in: pooledDim,
    bias: true,
    role: 'plain',
  };
  const [g = '', b = ''] = e.split(linear(e, pooled, film, 'float32'), 2, 1);
  const gain = e.narrow(e.add(g, e.scalar('float32', 1)));
  const one = square(`${tensor}.conv1`, w);
  const weight = e.mul(convWeight(e, one), e.reshape(gain, [w, 1, 1, 1]));
  const bias = e.add(e.mul(convBias(e, one), e.reshape(gain, [w])), e.reshape(e.narrow(b), [w]));
  const first = convWith(e, x, weight, bias, one);
  return e.add(x, conv(e, e.op('LeakyRelu', [first], { alpha: SLOPE }), square(`${tensor}.conv2`, w)));
}

/** `enc.L`: the photo or the skip of the level above in, `skipL` out; the last level also gives the latents. */
export function encoderLevel(e: Emitter, d: SmallVaeDims, level: number): void {
  const w = width(d, level);
  let h: Value;
  if (level === 0) {
    const photo = e.narrow(e.input('photo', [1, 3, 'H', 'W']));
    h = conv(e, photo, { tensor: 'encoder.stem', out: w, in: 3, kernel: 6, stride: 2, pad: 2, edge: true });
  } else {
    const above = width(d, level - 1);
    const x = e.narrow(e.input(`skip${level - 1}`, plane(above, level - 1)));
    h = conv(e, x, { tensor: `encoder.down.${level - 1}`, out: w, in: above, kernel: 3, stride: 2, pad: 1 });
  }
  for (let i = 0; i < (d.encoderBlocks[level] ?? 0); i++) h = block(e, h, `encoder.blocks.${level}.${i}`, w);
  e.output(`skip${level}`, e.widen(h), plane(w, level));
  if (level < d.widths.length - 1) return;
  const out = e.widen(
    conv(e, h, { tensor: 'encoder.out', out: d.latentChannels, in: w, kernel: 3, pad: 1, edge: true }),
  );
  const bounded = e.mul(e.op('Tanh', [e.mul(out, e.scalar('float32', 1 / RANGE))]), e.scalar('float32', RANGE));
  e.output('latents', toModel(e, d, bounded), plane(d.latentChannels, level));
}

/** `scale · (z - shift)`; nothing for the plain latents. */
function toModel(e: Emitter, d: SmallVaeDims, z: Value): Value {
  if (d.scale === 1 && d.shift === 0) return z;
  return e.mul(e.add(z, e.scalar('float32', -d.shift)), e.scalar('float32', d.scale));
}

function fromModel(e: Emitter, d: SmallVaeDims, z: Value): Value {
  if (d.scale === 1 && d.shift === 0) return z;
  return e.add(e.mul(z, e.scalar('float32', 1 / d.scale)), e.scalar('float32', d.shift));
}

/** `dec.L`: from the latents (last level) or `h` of the level below, with the skip, to `h` or `restored`. */
export function decoderLevel(e: Emitter, d: SmallVaeDims, level: number): void {
  const w = width(d, level);
  const last = d.widths.length - 1;
  let h: Value;
  if (level === last) {
    const z = e.narrow(fromModel(e, d, e.input('latents', plane(d.latentChannels, level))));
    h = conv(e, z, { tensor: 'decoder.in', out: w, in: d.latentChannels, kernel: 3, pad: 1, edge: true });
  } else {
    h = e.narrow(e.input('h', plane(w, level)));
  }
  const skip = e.narrow(e.input(`skip${level}`, plane(w, level)));
  const photo = level === 0 ? e.input('photo', [1, 3, 'H', 'W']) : '';
  const pooled = e.input('pooled', [1, d.pooledDim]);
  h = conv(e, e.concat([h, skip], 1), { tensor: `decoder.merge.${level}`, out: w, in: 2 * w, kernel: 1 });
  for (let i = 0; i < (d.decoderBlocks[level] ?? 0); i++) {
    h = filmBlock(e, h, pooled, `decoder.blocks.${level}.${i}`, w, d.pooledDim);
  }
  if (level > 0) {
    const below = width(d, level - 1);
    const up = conv(e, h, { tensor: `decoder.up.${level - 1}`, out: 4 * below, in: w, kernel: 1 });
    e.output('h', e.widen(pixelShuffle(e, up)), plane(below, level - 1));
    return;
  }
  const residual = pixelShuffle(
    e,
    conv(e, h, { tensor: 'decoder.out', out: 12, in: w, kernel: 3, pad: 1, edge: true }),
  );
  e.output('restored', e.add(photo, e.widen(residual)), [1, 3, 'H', 'W']);
}

export interface TableDims {
  readonly tasks: number;
  readonly taskTokens: number;
  /** Side of the thumbnail in px. */
  readonly thumb: number;
  readonly latentChannels: number;
  readonly contextDim: number;
  readonly pooledDim: number;
}

/** `conditioning`: task tokens and thumbnail tokens to `context` `[1, T, contextDim]` and `pooled` `[1, pooledDim]`, in fp32. */
export function conditioningTable(e: Emitter, d: TableDims): void {
  const side = d.thumb / 8;
  const count = (side / 2) ** 2;
  const token = 4 * d.latentChannels;
  const latents = e.input('latents', [1, d.latentChannels, side, side]);
  const task = e.input('task', [1, d.tasks]);
  const stored = e.formats.plain;

  // Packing 2×2 and a linear on the tokens are one convolution, as in `embed`.
  const packed = (tensor: string, out: number) => {
    const weight = e.weight(`${tensor}.weight`, 'float32', {
      stored,
      shape: [out, d.latentChannels, 2, 2],
      source: { tensor: `conditioning.${tensor}.weight`, full: [out, token] },
    });
    const bias = vector(e, `${tensor}.bias`, 'float32', { tensor: `conditioning.${tensor}.bias`, full: [out] });
    return e.op('Conv', [latents, weight, bias], { kernel_shape: [2, 2], strides: [2, 2] });
  };
  const place = e.weight('thumb_pos', 'float32', {
    stored,
    shape: [count, d.contextDim],
    source: { tensor: 'conditioning.thumb_pos', full: [count, d.contextDim] },
  });
  const grid = e.reshape(packed('thumb_in', d.contextDim), [0, 0, -1]);
  const thumb = e.add(e.op('Transpose', [grid], { perm: [0, 2, 1] }), place);

  const taskTokens = e.weight('task_tokens', 'float32', {
    stored,
    shape: [d.tasks, d.taskTokens * d.contextDim],
    source: { tensor: 'conditioning.task_tokens', full: [d.tasks, d.taskTokens, d.contextDim] },
  });
  const chosen = e.reshape(e.op('MatMul', [task, taskTokens]), [1, d.taskTokens, d.contextDim]);
  e.output('context', e.concat([chosen, thumb], 1), [1, d.taskTokens + count, d.contextDim]);

  const taskVec = e.weight('task_vec', 'float32', {
    stored,
    shape: [d.tasks, d.pooledDim],
    source: { tensor: 'conditioning.task_vec', full: [d.tasks, d.pooledDim] },
  });
  // The mean over tokens and the first linear commute.
  const mean = e.op(
    'ReduceMean',
    [e.reshape(packed('thumb_vec.0', d.pooledDim), [0, 0, -1]), e.model.constant('int64', [2])],
    { keepdims: 0 },
  );
  const last: Linear = {
    name: 'thumb_vec.2',
    tensor: 'conditioning.thumb_vec.2',
    out: d.pooledDim,
    in: d.pooledDim,
    bias: true,
    role: 'plain',
  };
  const pooled = e.add(e.op('MatMul', [task, taskVec]), linear(e, e.silu(mean), last, 'float32'));
  e.output('pooled', pooled, [1, d.pooledDim]);
}
