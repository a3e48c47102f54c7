/** The transformer's graphs around its blocks: embedders, modulation tables, token embedding, final layer. fp32 in both modes. */
import type { Value } from '../onnx/model.ts';
import { type DitDims, modulate, modulation } from './dit.ts';
import type { Emitter } from './emitter.ts';
import { biasOf, type Linear, linear } from './linear.ts';

/** Linear, SiLU, Linear, in fp32. */
function embedder(e: Emitter, x: Value, name: string, inDim: number, hidden: number): Value {
  const first = {
    name: `${name}_in`,
    tensor: `${name}.in_layer`,
    out: hidden,
    in: inDim,
    bias: true,
    role: 'embedder',
  } as const;
  const last = {
    name: `${name}_out`,
    tensor: `${name}.out_layer`,
    out: hidden,
    in: hidden,
    bias: true,
    role: 'embedder',
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
  const spec: Linear = { name: 'mod', tensor, out: count * d.hidden, in: d.hidden, bias: true, role: 'modulation' };
  e.output('mod', linear(e, e.input('vec', ['S', d.hidden]), spec, 'float32'), ['S', count * d.hidden]);
}

/** `context`: text features into the transformer's width. */
export function context(e: Emitter, d: DitDims): void {
  const spec: Linear = {
    name: 'txt_in',
    tensor: 'txt_in',
    out: d.hidden,
    in: d.contextDim,
    bias: true,
    role: 'embedder',
  };
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
