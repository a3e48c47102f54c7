/**
 * Graphs of the Flux autoencoder (realrestorer.md F), one per level and one for each middle. The residual stream and the
 * group norms and the attention are fp32 in both modes; in mode f16 only convolutions are fp16. Convolutions whose input isn't
 * normed (shortcuts, up and down) get the same headroom as the transformer's down-projections.
 */
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
const HEADROOM = 1 / 16;

const width = (d: FluxVaeDims, level: number) => d.base * (d.multipliers[level] ?? 0);
const last = (d: FluxVaeDims) => d.multipliers.length - 1;
const plane = (channels: number, level: number) =>
  level === 0 ? [1, channels, 'H', 'W'] : [1, channels, `H/${2 ** level}`, `W/${2 ** level}`];

/** Group norm with affine weights in fp32; H stays open by keeping W at its place (no Shape operator). */
function groupNorm(e: Emitter, x: Value, tensor: string, channels: number): Value {
  const groups = e.reshape(x, [0, GROUPS, -1, 0]);
  const one = e.model.constant('float32', Array<number>(GROUPS).fill(1));
  const zero = e.model.constant('float32', Array<number>(GROUPS).fill(0));
  const normed = e.op('InstanceNormalization', [groups, one, zero], { epsilon: { f: 1e-6 } });
  const back = e.reshape(normed, [0, channels, -1, 0]);
  const affine = (what: string) =>
    vector(e, `${tensor}.${what}`, 'float32', { tensor: `${tensor}.${what}`, full: [channels] }, [channels, 1, 1]);
  return e.add(e.mul(back, affine('weight')), affine('bias'));
}

/** conv(silu(groupNorm(x))), fp32 to fp32. */
function normedConv(e: Emitter, x: Value, norm: string, spec: Conv): Value {
  return e.widen(conv(e, e.silu(e.narrow(groupNorm(e, x, norm, spec.in))), spec));
}

/** A convolution of an unbounded fp32 input: scaled down in mode f16, scaled back and biased in fp32. */
function wideConv(e: Emitter, x: Value, spec: Conv, between: (x: Value) => Value = (value) => value): Value {
  const scaled = e.mode === 'f16' ? e.mul(x, e.scalar('float32', HEADROOM)) : x;
  const product = e.widen(convWith(e, between(e.narrow(scaled)), convWeight(e, spec), '', spec));
  const restored = e.mode === 'f16' ? e.mul(product, e.scalar('float32', 1 / HEADROOM)) : product;
  return e.add(restored, e.reshape(convBias(e, spec, 'float32'), [spec.out, 1, 1]));
}

function resBlock(e: Emitter, x: Value, tensor: string, from: number, to: number): Value {
  const first = normedConv(e, x, `${tensor}.norm1`, {
    tensor: `${tensor}.conv1`,
    out: to,
    in: from,
    kernel: 3,
    pad: 1,
  });
  const h = normedConv(e, first, `${tensor}.norm2`, { tensor: `${tensor}.conv2`, out: to, in: to, kernel: 3, pad: 1 });
  const skip = from === to ? x : wideConv(e, x, { tensor: `${tensor}.nin_shortcut`, out: to, in: from, kernel: 1 });
  return e.add(skip, h);
}

/**
 * Attention over all positions, one head as wide as the plane, in fp32. Queries stay `[1, h, w, C]`, so that nothing has to
 * ask for the shape at run time (the Shape operator would run on the CPU); both sides of a plane are even, so they can
 * always be cut in half: scores of a quarter of the queries are in memory at a time.
 */
function attnBlock(e: Emitter, x: Value, tensor: string, c: number): Value {
  const last = e.op('Transpose', [groupNorm(e, x, `${tensor}.norm`, c)], { perm: [0, 2, 3, 1] });
  const point = (name: string, from: Value) => {
    const spec: Linear = {
      name: `${tensor}.${name}`,
      tensor: `${tensor}.${name}`,
      out: c,
      in: c,
      bias: true,
      role: 'plain',
      pointwise: true,
    };
    return linear(e, from, spec, 'float32');
  };
  const k = e.reshape(e.op('Transpose', [point('k', last)], { perm: [0, 3, 1, 2] }), [1, 1, c, -1]);
  const v = e.reshape(point('v', last), [1, 1, -1, c]);
  const scaled = e.mul(point('q', last), e.scalar('float32', 1 / Math.sqrt(c)));
  const rows = e.split(scaled, 2, 1).map((row) => {
    const cells = e.split(row, 2, 2).map((q) => {
      const shares = e.op('Softmax', [e.op('MatMul', [q, k])], { axis: -1 });
      return e.op('MatMul', [shares, v]);
    });
    return e.concat(cells, 2);
  });
  const projected = point('proj_out', e.concat(rows, 1));
  return e.add(x, e.op('Transpose', [projected], { perm: [0, 3, 1, 2] }));
}

function middle(e: Emitter, x: Value, tensor: string, c: number): Value {
  const before = resBlock(e, x, `${tensor}.block_1`, c, c);
  return resBlock(e, attnBlock(e, before, `${tensor}.attn_1`, c), `${tensor}.block_2`, c, c);
}

/** `enc.L`: `photo` or `h` in, `h` out (already halved, but for the last level). */
export function fluxEncoderLevel(e: Emitter, d: FluxVaeDims, level: number): void {
  let from = width(d, Math.max(0, level - 1));
  let h: Value;
  if (level === 0) {
    from = d.base;
    const photo = e.narrow(e.input('photo', plane(3, 0)));
    h = e.widen(conv(e, photo, { tensor: 'encoder.conv_in', out: from, in: 3, kernel: 3, pad: 1, edge: true }));
  } else {
    h = e.input('h', plane(from, level));
  }
  const to = width(d, level);
  for (let i = 0; i < d.resBlocks; i++) h = resBlock(e, h, `encoder.down.${level}.block.${i}`, i === 0 ? from : to, to);
  if (level < last(d)) {
    const down: Conv = {
      tensor: `encoder.down.${level}.downsample.conv`,
      out: to,
      in: to,
      kernel: 3,
      stride: 2,
      pad: [0, 0, 1, 1],
    };
    h = wideConv(e, h, down);
  }
  e.output('h', h, plane(to, Math.min(level + 1, last(d))));
}

/** `enc.mid`: `h` to `latents`: the mean of the posterior, shifted and scaled. */
export function fluxEncoderMid(e: Emitter, d: FluxVaeDims): void {
  const c = width(d, last(d));
  const h = middle(e, e.input('h', plane(c, last(d))), 'encoder.mid', c);
  const out: Conv = {
    tensor: 'encoder.conv_out',
    out: 2 * d.latentChannels,
    in: c,
    kernel: 3,
    pad: 1,
    edge: true,
    rows: [0, d.latentChannels],
  };
  const mean = normedConv(e, h, 'encoder.norm_out', out);
  const z = e.mul(e.add(mean, e.scalar('float32', -d.shift)), e.scalar('float32', d.scale));
  e.output('latents', z, plane(d.latentChannels, last(d)));
}

/** `dec.mid`: `latents` to `h`. */
export function fluxDecoderMid(e: Emitter, d: FluxVaeDims): void {
  const c = width(d, last(d));
  const latents = e.input('latents', plane(d.latentChannels, last(d)));
  const z = e.add(e.mul(latents, e.scalar('float32', 1 / d.scale)), e.scalar('float32', d.shift));
  const spec: Conv = { tensor: 'decoder.conv_in', out: c, in: d.latentChannels, kernel: 3, pad: 1, edge: true };
  const h = e.widen(conv(e, e.narrow(z), spec));
  e.output('h', middle(e, h, 'decoder.mid', c), plane(c, last(d)));
}

/** `dec.L`: `h` in, `h` at twice the size out; level 0 gives `restored`. */
export function fluxDecoderLevel(e: Emitter, d: FluxVaeDims, level: number): void {
  const from = width(d, Math.min(level + 1, last(d)));
  const to = width(d, level);
  let h = e.input('h', plane(from, level));
  for (let i = 0; i <= d.resBlocks; i++) h = resBlock(e, h, `decoder.up.${level}.block.${i}`, i === 0 ? from : to, to);
  if (level > 0) {
    const spec: Conv = { tensor: `decoder.up.${level}.upsample.conv`, out: to, in: to, kernel: 3, pad: 1 };
    const twice = (x: Value) =>
      e.op('Resize', [x, '', e.model.constant('float32', [1, 1, 2, 2])], {
        mode: 'nearest',
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: 'floor',
      });
    e.output('h', wideConv(e, h, spec, twice), plane(to, level - 1));
    return;
  }
  const out: Conv = { tensor: 'decoder.conv_out', out: 3, in: to, kernel: 3, pad: 1, edge: true };
  e.output('restored', normedConv(e, h, 'decoder.norm_out', out), plane(3, 0));
}
