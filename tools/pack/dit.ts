/**
 * Blocks of the diffusion transformer (Flux / Step1X-Edit family): realrestorer.md C.2 to C.7, with text and image apart
 * in the single blocks too (docs/pack-format.md). Sizes: D hidden, S steps, n image tokens, T text tokens.
 */
import type { Value } from '../onnx/model.ts';
import type { Emitter } from './emitter.ts';
import { addBias, type Linear, linear, linearWide, vector, withHeadroom } from './linear.ts';

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
export function modulation(e: Emitter, table: Value, step: Value, count: number): Value[] {
  return e.split(e.op('Gather', [table, step], { axis: 0 }), count, 0);
}

/** `(1 + scale) · LN(x) + shift`, LN without weights of its own: one node, in fp32. */
export function modulate(e: Emitter, x: Value, shift: Value, scale: Value): Value {
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
    const down: Linear = { name: `${s}_down`, tensor: `${s}_mlp.2`, out: D, in: d.mlp, bias: true, role: 'down' };
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
  const fromMlp: Linear = { ...two, name: 'down_mlp', columns: [D, d.mlp], role: 'down' };

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
