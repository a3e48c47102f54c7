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
  /**
   * The text comes padded: one row stands for all padding, and input `text_rows` says how often its keys and values
   * count (`repeatRows`).
   */
  readonly padded: boolean;
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

interface KeysValues {
  readonly k: Value;
  readonly v: Value;
}

interface Qkv extends KeysValues {
  readonly q: Value;
}

interface Rope {
  readonly cos: Value;
  readonly sin: Value;
}

/** Where the linears and norms of one stream's attention lie. */
interface Attention {
  /** Before the names of the weights in the graph. */
  readonly name: string;
  /** The whole q, k, v linear. */
  readonly of: Linear;
  /** Before the norms' tensor names. */
  readonly norm: string;
}

/** q (`at` 0), k (1) or v (2), `[1, n, D]`: one third of the rows of the linear. */
function third(e: Emitter, d: DitDims, h: Value, { name, of }: Attention, what: 'q' | 'k' | 'v', at: number): Value {
  return linear(e, h, { ...of, name: `${name}${what}`, rows: [at * d.hidden, d.hidden] });
}

/** q or k normed per head, and rotated where `rope` is given. */
function headNorm(e: Emitter, d: DitDims, x: Value, { name, norm }: Attention, what: 'q' | 'k', rope: Rope | null) {
  const headDim = d.hidden / d.heads;
  const tensor = `${norm}.${what === 'q' ? 'query_norm' : 'key_norm'}.scale`;
  const scale = vector(e, `${name}${what}_norm`, 'compute', { tensor, full: [headDim] });
  const heads = e.reshape(x, [0, 0, d.heads, headDim]);
  const flat = e.reshape(e.op('RMSNormalization', [heads, scale], { axis: -1, epsilon: EPSILON }), [0, 0, d.hidden]);
  if (rope === null) return flat;
  return e.op('RotaryEmbedding', [flat, rope.cos, rope.sin], { interleaved: 1, num_heads: d.heads });
}

function queries(e: Emitter, d: DitDims, h: Value, of: Attention, rope: Rope | null): Value {
  return headNorm(e, d, third(e, d, h, of, 'q', 0), of, 'q', rope);
}

function keysAndValues(e: Emitter, d: DitDims, h: Value, of: Attention, rope: Rope | null): KeysValues {
  const k = headNorm(e, d, third(e, d, h, of, 'k', 1), of, 'k', rope);
  return { k, v: third(e, d, h, of, 'v', 2) };
}

/** Softmax attention, scale 1/sqrt(head dim). Queries `[1, Sq, D]`, keys and values `[1, Skv, D]`. */
export function attend(e: Emitter, heads: number, q: Value, k: Value, v: Value, bias: Value = ''): Value {
  const inputs = bias === '' ? [q, k, v] : [q, k, v, '', '', bias];
  return e.contrib('MultiHeadAttention', inputs, { num_heads: heads });
}

/**
 * Rows of the padding are equal before the first block, have no position and see the same keys, so they stay equal: one
 * of them is computed, and its keys and values are repeated where attention counts them (realrestorer.md I.1). A bias of
 * ln(repeats) on one key instead took the same time on wasm (499 ms against 495 ms for 512 queries of 6 heads, 2048 image
 * tokens and 349 of 640 text rows, one thread), and needs a tensor of queries × keys.
 *
 * @param rows int32 `[K]`: the row of `x` that each of the K text tokens has, null where every token has its own
 * @param x `[1, T, D]`
 * @returns `[1, K, D]`
 */
function repeatRows(e: Emitter, x: Value, rows: Value | null): Value {
  return rows === null ? x : e.op('Gather', [x, rows], { axis: 1 });
}

/** Input `text_rows` of `repeatRows`, where the text is padded. */
function textRows(e: Emitter, d: DitDims): Value | null {
  return d.padded ? e.input('text_rows', ['K'], 'int32') : null;
}

/** Keys and values of both streams, text first. */
function joint(e: Emitter, img: KeysValues, txt: KeysValues, rows: Value | null): KeysValues {
  return {
    k: e.concat([repeatRows(e, txt.k, rows), img.k], 1),
    v: e.concat([repeatRows(e, txt.v, rows), img.v], 1),
  };
}

/** Both streams' attention, image queries in pieces. */
function attention(e: Emitter, d: DitDims, img: Qkv, txt: Qkv, rows: Value | null): { img: Value; txt: Value } {
  const { k, v } = joint(e, img, txt, rows);
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
  const rows = textRows(e, d);
  const streams = ['img', 'txt'] as const;

  const before = (s: 'img' | 'txt') => {
    const [shift1 = '', scale1 = '', gate1 = '', shift2 = '', scale2 = '', gate2 = ''] = modulation(
      e,
      tables[s],
      step,
      6,
    );
    const h = e.narrow(modulate(e, x[s], shift1, scale1));
    const of: Attention = {
      name: `${s}_`,
      of: { name: '', tensor: `${s}_attn.qkv`, out: 3 * D, in: D, bias: d.qkvBias, role: 'core' },
      norm: `${s}_attn.norm`,
    };
    const turn = s === 'img' ? rope : null;
    const qkv = { q: queries(e, d, h, of, turn), ...keysAndValues(e, d, h, of, turn) };
    return { qkv, gate1, shift2, scale2, gate2 };
  };
  const start = { img: before('img'), txt: before('txt') };
  const attended = attention(e, d, start.img.qkv, start.txt.qkv, rows);

  for (const s of streams) {
    const { gate1, shift2, scale2, gate2 } = start[s];
    const out: Linear = { name: `${s}_proj`, tensor: `${s}_attn.proj`, out: D, in: D, bias: true, role: 'core' };
    const up: Linear = { name: `${s}_up`, tensor: `${s}_mlp.0`, out: d.mlp, in: D, bias: true, role: 'core' };
    const down: Linear = { name: `${s}_down`, tensor: `${s}_mlp.2`, out: D, in: d.mlp, bias: true, role: 'down' };
    const projected = addBias(e, linearWide(e, withHeadroom(e, attended[s]), out), out);
    const middle = e.add(x[s], e.mul(gate1, projected));
    const h = e.narrow(modulate(e, middle, shift2, scale2));
    const product = s === 'img' ? e.perChunk(h, (piece) => mlp(e, piece, up, down)) : mlp(e, h, up, down);
    const after = e.add(middle, e.mul(gate2, addBias(e, product, down)));
    e.output(s, after, [1, s === 'img' ? 'n' : 'T', D]);
  }
}

/** Linears of a single block: `linear1` makes q, k, v and the MLP's hidden, `linear2` takes attention and hidden. */
function singleLinears(d: DitDims) {
  const D = d.hidden;
  const one: Linear = { name: '', tensor: 'linear1', out: 3 * D + d.mlp, in: D, bias: true, role: 'core' };
  const two: Linear = { name: 'down', tensor: 'linear2', out: D, in: D + d.mlp, bias: true, role: 'core' };
  return {
    attention: { name: '', of: one, norm: 'norm' } satisfies Attention,
    up: { ...one, name: 'up', rows: [3 * D, d.mlp] } satisfies Linear,
    fromAttention: { ...two, name: 'down_attn', columns: [0, D] } satisfies Linear,
    fromMlp: { ...two, name: 'down_mlp', columns: [D, d.mlp], role: 'down' } satisfies Linear,
    two,
  };
}

/** `x + gate · linear2(attention, gelu(mlp))`; the MLP of the image in pieces. */
function finish(e: Emitter, d: DitDims, x: Value, h: Value, attended: Value, gate: Value, pieces: boolean): Value {
  const { up, fromAttention, fromMlp, two } = singleLinears(d);
  const fromJoint = linearWide(e, withHeadroom(e, attended), fromAttention);
  const product = pieces ? e.perChunk(h, (piece) => mlp(e, piece, up, fromMlp)) : mlp(e, h, up, fromMlp);
  return e.add(x, e.mul(gate, addBias(e, e.add(fromJoint, product), two)));
}

function singleInputs(e: Emitter, d: DitDims) {
  const x = { img: e.input('img', [1, 'n', d.hidden]), txt: e.input('txt', [1, 'T', d.hidden]) };
  const rope = ropeInputs(e, d);
  const table = e.input('mod', ['S', 3 * d.hidden]);
  const [shift = '', scale = '', gate = ''] = modulation(e, table, e.input('step', [], 'int32'), 3);
  const rows = textRows(e, d);
  const h = { img: e.narrow(modulate(e, x.img, shift, scale)), txt: e.narrow(modulate(e, x.txt, shift, scale)) };
  return { x, h, rope, gate, rows };
}

/** `single.N`; prefix `single_blocks.N.` Both streams use the same weights. */
export function single(e: Emitter, d: DitDims): void {
  const { x, h, rope, gate, rows } = singleInputs(e, d);
  const of = singleLinears(d).attention;
  const all = (s: 'img' | 'txt', turn: Rope | null): Qkv => ({
    q: queries(e, d, h[s], of, turn),
    ...keysAndValues(e, d, h[s], of, turn),
  });
  const attended = attention(e, d, all('img', rope), all('txt', null), rows);
  for (const s of ['img', 'txt'] as const) {
    e.output(s, finish(e, d, x[s], h[s], attended[s], gate, s === 'img'), [1, s === 'img' ? 'n' : 'T', d.hidden]);
  }
}

/**
 * `last`: the last single block where the reference is tokens. What follows reads the target's tokens only, which are the
 * first half: keys and values come from all tokens, everything else is computed for that half (realrestorer.md I.3).
 */
export function last(e: Emitter, d: DitDims): void {
  const { x, h, rope, gate, rows } = singleInputs(e, d);
  const of = singleLinears(d).attention;
  const target = (value: Value) => e.split(value, 2, 1)[0] ?? '';
  const mine = target(h.img);
  const q = queries(e, d, mine, of, { cos: target(rope.cos), sin: target(rope.sin) });
  const { k, v } = joint(e, keysAndValues(e, d, h.img, of, rope), keysAndValues(e, d, h.txt, of, null), rows);
  const attended = e.perChunk(q, (piece) => attend(e, d.heads, piece, k, v));
  e.output('img', finish(e, d, target(x.img), mine, attended, gate, true), [1, 'n/2', d.hidden]);
}
