/**
 * Graphs of the Flux autoencoder (realrestorer.md F). Each works on a band of rows and is cut at the group norms, whose
 * statistics come from outside, so that they are exact over the tile however high the bands are (docs/pack-format.md,
 * "Bands"). Weights are inputs: one graph serves every place with its channel counts.
 *
 * The residual stream, statistics, norms and attention are fp32 in both modes; in mode f16 only convolutions are fp16.
 * Convolutions whose input isn't normed (shortcuts, up and down) get the same headroom as the transformer's down-projections.
 */
import type { Bands } from '../../workers/packs/manifest.ts';
import type { Value } from '../onnx/model.ts';
import { type Conv, conv, convBias, convWeight, convWith } from './conv.ts';
import type { Emitter } from './emitter.ts';
import { type Linear, linear, vector } from './linear.ts';

export interface FluxVaeDims {
  readonly base: number;
  readonly multipliers: readonly number[];
  readonly resBlocks: number;
  readonly latentChannels: number;
  readonly scale: number;
  readonly shift: number;
}

const GROUPS = 32;
const EPS = 1e-6;
const HEADROOM = 1 / 16;
/** A maximum that every score is above, and whose exponential is 0. */
const LOWEST = -1e30;
/** Zero padding of a 3×3 convolution whose rows above and below are in its input. */
const SIDES = [0, 1, 0, 1] as const;

/** Planes `[1, channels, rows, w]`. */
const plane = (channels: number, rows = 'r', columns = 'w') => [1, channels, rows, columns];
/** The same with the channels last: rows of matrices. */
const tokens = (channels: number) => [1, 'r', 'w', channels];

function bands(e: Emitter, halo: readonly string[], change: Partial<Bands> = {}): void {
  const above = halo.map((input) => ({ input, rows: 1 }));
  e.bands = { above, mask: null, statistics: null, state: [], scratch: [], ...change };
}

const statisticsOf = (of: string) => ({ output: 'statistics', of, norm: 'norm', groups: GROUPS, eps: EPS });

/** Declares mean and variance of each group over the band: of every row first, so that sums stay short. */
function outputStatistics(e: Emitter, x: Value): void {
  const mean = (value: Value, axis: number) =>
    e.op('ReduceMean', [value, e.model.constant('int64', [axis])], { keepdims: 1 });
  const variance = (value: Value, middle: Value, axis: number) => {
    const away = e.op('Sub', [value, middle]);
    return mean(e.mul(away, away), axis);
  };
  const grouped = (value: Value) => e.reshape(value, [1, GROUPS, -1]);
  const rowMeans = mean(x, 3);
  const rowVariances = grouped(variance(x, rowMeans, 3));
  const means = grouped(rowMeans);
  const all = mean(means, 2);
  const spread = e.add(mean(rowVariances, 2), variance(means, all, 2));
  const row = (value: Value) => e.reshape(value, [1, 1, 1, GROUPS]);
  e.output('statistics', e.concat([row(all), row(spread)], 1), [1, 2, 1, GROUPS]);
}

/** An output that is normed later. */
function outputNormed(e: Emitter, name: string, value: Value, channels: number, columns?: string): void {
  e.output(name, value, plane(channels, 'r', columns));
  outputStatistics(e, value);
}

/** Group norm with affine weights and the tile's statistics, as x·a + b; b is 0 in rows that the mask takes out. */
function groupNorm(e: Emitter, x: Value, name: string, channels: number, norm: Value, mask: Value = ''): Value {
  const [mean = '', inverse = ''] = e.split(norm, 2, 1).map((value) => e.reshape(value, [GROUPS, 1]));
  const affine = (what: string) => {
    const tensor = `${name}.${what}`;
    return vector(e, tensor, 'float32', { tensor, full: [channels] }, [GROUPS, channels / GROUPS]);
  };
  const factor = e.mul(affine('weight'), inverse);
  const offset = e.op('Sub', [affine('bias'), e.mul(mean, factor)]);
  const spread = (value: Value) => e.reshape(value, [1, channels, 1, 1]);
  const masked = mask === '' ? spread(offset) : e.mul(spread(offset), mask);
  return e.add(e.mul(x, spread(factor)), masked);
}

/** conv(silu(groupNorm(x))), fp32 to fp32. Rows outside of the tile are 0, and so is their SiLU. */
function normedConv(e: Emitter, x: Value, name: string, spec: Conv): Value {
  const norm = e.input('norm', [1, 2, 1, GROUPS]);
  const mask = e.input('mask', [1, 1, 'r+2', 1]);
  const normed = groupNorm(e, x, name, spec.in, norm, mask);
  return e.widen(conv(e, e.silu(e.narrow(normed)), spec));
}

/** A convolution of an unbounded fp32 input: scaled down in mode f16, scaled back and biased in fp32. */
function wideConv(e: Emitter, x: Value, spec: Conv, between: (x: Value) => Value = (value) => value): Value {
  const scaled = e.mode === 'f16' ? e.mul(x, e.scalar('float32', HEADROOM)) : x;
  const product = e.widen(convWith(e, between(e.narrow(scaled)), convWeight(e, spec), '', spec));
  const restored = e.mode === 'f16' ? e.mul(product, e.scalar('float32', 1 / HEADROOM)) : product;
  return e.add(restored, e.reshape(convBias(e, spec, 'float32'), [spec.out, 1, 1]));
}

/** `photo` to `x`. */
export function encoderIn(e: Emitter, d: FluxVaeDims): void {
  bands(e, ['photo'], { statistics: statisticsOf('x') });
  const photo = e.narrow(e.input('photo', plane(3, 'r+2')));
  const spec: Conv = { tensor: 'encoder.conv_in', out: d.base, in: 3, kernel: 3, pad: SIDES, edge: true };
  outputNormed(e, 'x', e.widen(conv(e, photo, spec)), d.base);
}

/** `latents` to `x`. */
export function decoderIn(e: Emitter, d: FluxVaeDims, channels: number): void {
  bands(e, ['latents'], { statistics: statisticsOf('x'), mask: { input: 'mask', of: 'latents' } });
  const latents = e.input('latents', plane(d.latentChannels, 'r+2'));
  const shift = e.mul(e.input('mask', [1, 1, 'r+2', 1]), e.scalar('float32', d.shift));
  const z = e.narrow(e.add(e.mul(latents, e.scalar('float32', 1 / d.scale)), shift));
  const spec: Conv = {
    tensor: 'decoder.conv_in',
    out: channels,
    in: d.latentChannels,
    kernel: 3,
    pad: SIDES,
    edge: true,
  };
  outputNormed(e, 'x', e.widen(conv(e, z, spec)), channels);
}

/** First half of a residual block: `x` to `h`. */
export function resA(e: Emitter, from: number, to: number): void {
  bands(e, ['x'], { statistics: statisticsOf('h'), mask: { input: 'mask', of: 'x' } });
  const x = e.input('x', plane(from, 'r+2'));
  outputNormed(e, 'h', normedConv(e, x, 'norm1', { tensor: 'conv1', out: to, in: from, kernel: 3, pad: SIDES }), to);
}

/** Second half: `h`, and `x` by way of the shortcut, to the new `x`. */
export function resB(e: Emitter, from: number, to: number): void {
  bands(e, ['h'], { statistics: statisticsOf('x'), mask: { input: 'mask', of: 'h' } });
  const h = e.input('h', plane(to, 'r+2'));
  const x = e.input('x', plane(from));
  const residual = normedConv(e, h, 'norm2', { tensor: 'conv2', out: to, in: to, kernel: 3, pad: SIDES });
  const skip = from === to ? x : wideConv(e, x, { tensor: 'nin_shortcut', out: to, in: from, kernel: 1 });
  outputNormed(e, 'x', e.add(skip, residual), to);
}

/** Half the size: zeros on the right and below, stride 2. */
export function down(e: Emitter, c: number): void {
  bands(e, [], { statistics: statisticsOf('x') });
  const spec: Conv = { tensor: 'conv', out: c, in: c, kernel: 3, stride: 2, pad: [0, 0, 0, 1] };
  outputNormed(e, 'x', wideConv(e, e.input('x', plane(c, 'r*2+1', 'w*2')), spec), c);
}

/** Twice the size: every value four times, then a convolution. */
export function up(e: Emitter, c: number): void {
  bands(e, ['x'], { statistics: statisticsOf('x') });
  const x = e.input('x', plane(c, 'r/2+2'));
  const ends = [1, -1, 2].map((value) => e.model.constant('int64', [value]));
  const twice = (value: Value) => {
    const larger = e.op('Resize', [value, '', e.model.constant('float32', [1, 1, 2, 2])], {
      mode: 'nearest',
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    });
    // A row of halo has become two; the convolution needs one.
    return e.op('Slice', [larger, ...ends]);
  };
  outputNormed(e, 'x', wideConv(e, x, { tensor: 'conv', out: c, in: c, kernel: 3, pad: SIDES }, twice), c, 'w*2');
}

function point(e: Emitter, name: string, from: Value, c: number): Value {
  const spec: Linear = { name, tensor: name, out: c, in: c, bias: true, role: 'plain', pointwise: true };
  return linear(e, from, spec, 'float32');
}

/** Queries, keys and values of the middle's attention: one head as wide as the plane, over all positions, in fp32. */
export function attentionIn(e: Emitter, c: number): void {
  bands(e, []);
  const x = e.input('x', plane(c));
  const normed = groupNorm(e, x, 'norm', c, e.input('norm', [1, 2, 1, GROUPS]));
  const last = e.op('Transpose', [normed], { perm: [0, 2, 3, 1] });
  e.output('q', e.mul(point(e, 'q', last, c), e.scalar('float32', 1 / Math.sqrt(c))), tokens(c));
  e.output('k', e.op('Transpose', [point(e, 'k', last, c)], { perm: [0, 3, 1, 2] }), plane(c));
  e.output('v', point(e, 'v', last, c), tokens(c));
}

/**
 * Attention of a band of queries to a band of keys, added to what earlier bands of keys gave: the softmax is taken relative to
 * the largest score so far, and sums and weighted values are scaled when it grows.
 */
export function attention(e: Emitter, c: number): void {
  const state = ['acc', 'max', 'sum'].map((name) => ({ name, start: name === 'max' ? LOWEST : 0 }));
  bands(e, [], { state, scratch: ['r', 'w', 's', 'w'] });
  const q = e.input('q', tokens(c));
  const k = e.reshape(e.input('k', plane(c, 's')), [1, 1, c, -1]);
  const v = e.reshape(e.input('v', [1, 's', 'w', c]), [1, 1, -1, c]);
  const [acc, max, sum] = [e.input('acc', tokens(c)), e.input('max', tokens(1)), e.input('sum', tokens(1))];
  const over = (type: string, value: Value) => e.op(type, [value, e.model.constant('int64', [-1])], { keepdims: 1 });
  const minus = (a: Value, b: Value) => e.op('Exp', [e.op('Sub', [a, b])]);

  const scores = e.op('MatMul', [q, k]);
  const largest = over('ReduceMax', e.concat([over('ReduceMax', scores), max], 3));
  const shares = minus(scores, largest);
  const kept = minus(max, largest);
  e.output('acc', e.add(e.mul(acc, kept), e.op('MatMul', [shares, v])), tokens(c));
  e.output('max', largest, tokens(1));
  e.output('sum', e.add(e.mul(sum, kept), over('ReduceSum', shares)), tokens(1));
}

/** `x` plus the projected attention. */
export function attentionOut(e: Emitter, c: number): void {
  bands(e, [], { statistics: statisticsOf('x') });
  const mean = e.op('Div', [e.input('acc', tokens(c)), e.input('sum', tokens(1))]);
  const projected = e.op('Transpose', [point(e, 'proj_out', mean, c)], { perm: [0, 3, 1, 2] });
  outputNormed(e, 'x', e.add(e.input('x', plane(c)), projected), c);
}

/** `x` to `latents`: the mean of the posterior, shifted and scaled; and its `deviation`, scaled. */
export function encoderOut(e: Emitter, d: FluxVaeDims, c: number): void {
  bands(e, ['x'], { mask: { input: 'mask', of: 'x' } });
  const out: Conv = {
    tensor: 'encoder.conv_out',
    out: 2 * d.latentChannels,
    in: c,
    kernel: 3,
    pad: SIDES,
    edge: true,
  };
  const both = normedConv(e, e.input('x', plane(c, 'r+2')), 'encoder.norm_out', out);
  const [mean = '', logVariance = ''] = e.split(both, 2, 1);
  const z = e.mul(e.add(mean, e.scalar('float32', -d.shift)), e.scalar('float32', d.scale));
  e.output('latents', z, plane(d.latentChannels));
  const deviation = e.op('Exp', [e.mul(logVariance, e.scalar('float32', 0.5))]);
  e.output('deviation', e.mul(deviation, e.scalar('float32', d.scale)), plane(d.latentChannels));
}

/** `x` to `restored`. */
export function decoderOut(e: Emitter, c: number): void {
  bands(e, ['x'], { mask: { input: 'mask', of: 'x' } });
  const out: Conv = { tensor: 'decoder.conv_out', out: 3, in: c, kernel: 3, pad: SIDES, edge: true };
  e.output('restored', normedConv(e, e.input('x', plane(c, 'r+2')), 'decoder.norm_out', out), plane(3));
}
