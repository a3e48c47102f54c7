/**
 * Graphs of the diffusion transformer (Flux / Step1X-Edit family): realrestorer.md C.2 to C.7, with text and image apart
 * in the single blocks too (docs/pack-format.md). Sizes: D hidden, S steps, n image tokens, T text tokens.
 */
import type { Value } from '../onnx/model.ts';
import type { Emitter } from './emitter.ts';
import { addBias, biasOf, type Linear, linear, linearWide, vector, withHeadroom } from './linear.ts';

/** Dims of the transformer, from config.json. */
export interface DitDims {
  readonly hidden: number;
  readonly heads: number;
  readonly mlp: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly contextDim: number;
  readonly pooledDim: number;
  readonly latentChannels: number;
  readonly qkvBias: boolean;
  readonly guidance: boolean;
}

const EPSILON = { f: 1e-6 };

/** Rows of the modulation table of this step: `count` vectors `[D]`. */
function modulation(e: Emitter, table: Value, step: Value, count: number): Value[] {
  return e.split(e.op('Gather', [table, step], { axis: 0 }), count, 0);
}

/** `(1 + scale) · LN(x) + shift`, LN without weights of its own: one node, in fp32. */
function modulate(e: Emitter, x: Value, shift: Value, scale: Value): Value {
  const gain = e.add(scale, e.scalar('float32', 1));
  return e.op('LayerNormalization', [x, gain, shift], { axis: -1, epsilon: EPSILON });
}

interface Qkv {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
}

interface Rope {
  readonly cos: Value;
  readonly sin: Value;
}

/** q, k and v `[1, n, D]` of one stream; q and k normed per head, and rotated where `rope` is given. */
function project(e: Emitter, d: DitDims, h: Value, name: string, of: Linear, norm: string, rope: Rope | null): Qkv {
  const part = (what: string, at: number) =>
    linear(e, h, { ...of, name: `${name}${what}`, rows: [at * d.hidden, d.hidden] });
  const headDim = d.hidden / d.heads;
  const headNorm = (x: Value, what: string, tensor: string) => {
    const scale = vector(e, `${name}${what}_norm`, 'compute', { tensor: `${norm}.${tensor}.scale`, full: [headDim] });
    const heads = e.reshape(x, [0, 0, d.heads, headDim]);
    const normed = e.op('RMSNormalization', [heads, scale], { axis: -1, epsilon: EPSILON });
    const flat = e.reshape(normed, [0, 0, d.hidden]);
    if (rope === null) return flat;
    return e.op('RotaryEmbedding', [flat, rope.cos, rope.sin], { interleaved: 1, num_heads: d.heads });
  };
  const q = headNorm(part('q', 0), 'q', 'query_norm');
  const k = headNorm(part('k', 1), 'k', 'key_norm');
  return { q, k, v: part('v', 2) };
}

/** Softmax attention, scale 1/sqrt(head dim). Queries `[1, Sq, D]`, keys and values `[1, Skv, D]`. */
export function attend(e: Emitter, heads: number, q: Value, k: Value, v: Value, bias: Value = ''): Value {
  const inputs = bias === '' ? [q, k, v] : [q, k, v, '', '', bias];
  return e.contrib('MultiHeadAttention', inputs, { num_heads: heads });
}

/** Both streams' attention: text first in keys and values; image queries in pieces. */
function attention(e: Emitter, d: DitDims, img: Qkv, txt: Qkv): { img: Value; txt: Value } {
  const k = e.concat([txt.k, img.k], 1);
  const v = e.concat([txt.v, img.v], 1);
  return {
    img: e.perChunk(img.q, (q) => attend(e, d.heads, q, k, v)),
    txt: attend(e, d.heads, txt.q, k, v),
  };
}

/** down(gelu(up(h))), fp32, without the bias of `down`. */
function mlp(e: Emitter, h: Value, up: Linear, down: Linear): Value {
  const hidden = e.op('Gelu', [linear(e, h, up)], { approximate: 'tanh' });
  return linearWide(e, withHeadroom(e, hidden), down);
}

function ropeInputs(e: Emitter, d: DitDims): Rope {
  const shape = [1, 'n', d.hidden / d.heads / 2];
  return { cos: e.narrow(e.input('cos', shape)), sin: e.narrow(e.input('sin', shape)) };
}

/** `double.N`; prefix `double_blocks.N.` */
export function double(e: Emitter, d: DitDims): void {
  const D = d.hidden;
  const x = { img: e.input('img', [1, 'n', D]), txt: e.input('txt', [1, 'T', D]) };
  const rope = ropeInputs(e, d);
  const tables = { img: e.input('img_mod', ['S', 6 * D]), txt: e.input('txt_mod', ['S', 6 * D]) };
  const step = e.input('step', [], 'int32');
  const streams = ['img', 'txt'] as const;

  const before = (s: 'img' | 'txt') => {
    const [shift1 = '', scale1 = '', gate1 = '', shift2 = '', scale2 = '', gate2 = ''] = modulation(
      e,
      tables[s],
      step,
      6,
    );
    const h = e.narrow(modulate(e, x[s], shift1, scale1));
    const of: Linear = { name: '', tensor: `${s}_attn.qkv`, out: 3 * D, in: D, bias: d.qkvBias, role: 'core' };
    const qkv = project(e, d, h, `${s}_`, of, `${s}_attn.norm`, s === 'img' ? rope : null);
    return { qkv, gate1, shift2, scale2, gate2 };
  };
  const start = { img: before('img'), txt: before('txt') };
  const joint = attention(e, d, start.img.qkv, start.txt.qkv);

  for (const s of streams) {
    const { gate1, shift2, scale2, gate2 } = start[s];
    const out: Linear = { name: `${s}_proj`, tensor: `${s}_attn.proj`, out: D, in: D, bias: true, role: 'core' };
    const up: Linear = { name: `${s}_up`, tensor: `${s}_mlp.0`, out: d.mlp, in: D, bias: true, role: 'core' };
    const down: Linear = { name: `${s}_down`, tensor: `${s}_mlp.2`, out: D, in: d.mlp, bias: true, role: 'core' };
    const projected = addBias(e, linearWide(e, withHeadroom(e, joint[s]), out), out);
    const middle = e.add(x[s], e.mul(gate1, projected));
    const h = e.narrow(modulate(e, middle, shift2, scale2));
    const product = s === 'img' ? e.perChunk(h, (piece) => mlp(e, piece, up, down)) : mlp(e, h, up, down);
    const after = e.add(middle, e.mul(gate2, addBias(e, product, down)));
    e.output(s, after, [1, s === 'img' ? 'n' : 'T', D]);
  }
}

/** `single.N`; prefix `single_blocks.N.` Both streams use the same weights. */
export function single(e: Emitter, d: DitDims): void {
  const D = d.hidden;
  const x = { img: e.input('img', [1, 'n', D]), txt: e.input('txt', [1, 'T', D]) };
  const rope = ropeInputs(e, d);
  const table = e.input('mod', ['S', 3 * D]);
  const [shift = '', scale = '', gate = ''] = modulation(e, table, e.input('step', [], 'int32'), 3);

  const one: Linear = { name: '', tensor: 'linear1', out: 3 * D + d.mlp, in: D, bias: true, role: 'core' };
  const two: Linear = { name: 'down', tensor: 'linear2', out: D, in: D + d.mlp, bias: true, role: 'core' };
  const up: Linear = { ...one, name: 'up', rows: [3 * D, d.mlp] };
  const fromAttention: Linear = { ...two, name: 'down_attn', columns: [0, D] };
  const fromMlp: Linear = { ...two, name: 'down_mlp', columns: [D, d.mlp] };

  const before = (s: 'img' | 'txt') => {
    const h = e.narrow(modulate(e, x[s], shift, scale));
    return { h, qkv: project(e, d, h, '', one, 'norm', s === 'img' ? rope : null) };
  };
  const start = { img: before('img'), txt: before('txt') };
  const joint = attention(e, d, start.img.qkv, start.txt.qkv);

  for (const s of ['img', 'txt'] as const) {
    const attended = linearWide(e, withHeadroom(e, joint[s]), fromAttention);
    const { h } = start[s];
    const product = s === 'img' ? e.perChunk(h, (piece) => mlp(e, piece, up, fromMlp)) : mlp(e, h, up, fromMlp);
    const sum = addBias(e, e.add(attended, product), two);
    e.output(s, e.add(x[s], e.mul(gate, sum)), [1, s === 'img' ? 'n' : 'T', D]);
  }
}

/** Linear, SiLU, Linear, in fp32. */
function embedder(e: Emitter, x: Value, name: string, inDim: number, hidden: number): Value {
  const first = {
    name: `${name}_in`,
    tensor: `${name}.in_layer`,
    out: hidden,
    in: inDim,
    bias: true,
    role: 'other',
  } as const;
  const last = {
    name: `${name}_out`,
    tensor: `${name}.out_layer`,
    out: hidden,
    in: hidden,
    bias: true,
    role: 'other',
  } as const;
  return linear(e, e.silu(linear(e, x, first, 'float32')), last, 'float32');
}

/** `vec`: SiLU of the sum of the embedders, `[S, D]`. */
export function vec(e: Emitter, d: DitDims): void {
  const time = embedder(e, e.input('time', ['S', 256]), 'time_in', 256, d.hidden);
  const pooled = embedder(e, e.input('pooled', ['P', d.pooledDim]), 'vector_in', d.pooledDim, d.hidden);
  let sum = e.add(time, pooled);
  if (d.guidance) sum = e.add(sum, embedder(e, e.input('guidance', [1, 256]), 'guidance_in', 256, d.hidden));
  e.output('vec', e.silu(sum), ['S', d.hidden]);
}

/** `mod6`, `mod3`, `mod2`: one linear on `vec`, whose SiLU is in `vec` already. */
export function mod(e: Emitter, d: DitDims, count: 2 | 3 | 6): void {
  const tensor = count === 2 ? '1' : 'lin';
  const spec: Linear = { name: 'mod', tensor, out: count * d.hidden, in: d.hidden, bias: true, role: 'other' };
  e.output('mod', linear(e, e.input('vec', ['S', d.hidden]), spec, 'float32'), ['S', count * d.hidden]);
}

/** `context`: text features into the transformer's width. */
export function context(e: Emitter, d: DitDims): void {
  const spec: Linear = { name: 'txt_in', tensor: 'txt_in', out: d.hidden, in: d.contextDim, bias: true, role: 'other' };
  e.output('txt', linear(e, e.input('context', [1, 'T', d.contextDim]), spec, 'float32'), [1, 'T', d.hidden]);
}

/**
 * `embed`: 2×2 packing and `img_in` in one convolution: feature 4c + 2dy + dx of a token is kernel element [c, dy, dx].
 * `channels` joins reference and target features, `tokens` puts the reference tokens behind the target's.
 */
export function embed(e: Emitter, d: DitDims, reference: 'channels' | 'tokens'): void {
  const shape = [1, d.latentChannels, 'h', 'w'];
  const target = e.input('latents', shape);
  const clean = e.input('reference', shape);
  const kernel = [d.hidden, d.inChannels / 4, 2, 2];
  const weight = e.weight('img_in.weight', 'float32', {
    stored: e.formats.plain,
    shape: kernel,
    source: { tensor: 'img_in.weight', full: [d.hidden, d.inChannels] },
  });
  const bias = biasOf(
    e,
    { name: 'img_in', tensor: 'img_in', out: d.hidden, in: d.inChannels, bias: true, role: 'plain' },
    'float32',
  );
  const tokens = (x: Value) => {
    const grid = e.op('Conv', [x, weight, bias], { kernel_shape: [2, 2], strides: [2, 2] });
    return e.op('Transpose', [e.reshape(grid, [0, 0, -1])], { perm: [0, 2, 1] });
  };
  const img =
    reference === 'channels' ? tokens(e.concat([target, clean], 1)) : e.concat([tokens(target), tokens(clean)], 1);
  e.output('img', img, [1, 'n', d.hidden]);
}

/** `final`: modulated norm (shift first) and the projection to token features. */
export function final(e: Emitter, d: DitDims): void {
  const img = e.input('img', [1, 'n', d.hidden]);
  const table = e.input('mod', ['S', 2 * d.hidden]);
  const [shift = '', scale = ''] = modulation(e, table, e.input('step', [], 'int32'), 2);
  const spec: Linear = {
    name: 'linear',
    tensor: 'final_layer.linear',
    out: d.outChannels,
    in: d.hidden,
    bias: true,
    role: 'plain',
  };
  e.output('velocity', linear(e, modulate(e, img, shift, scale), spec, 'float32'), [1, 'n', d.outChannels]);
}
