/** Graphs of Qwen2.5-VL's language model (realrestorer.md D.4), fp32 in both modes. T tokens behind the constant prefix. */
import type { Value } from '../onnx/model.ts';
import { attend } from './dit.ts';
import type { Emitter } from './emitter.ts';
import { type Linear, linear } from './linear.ts';
import type { TextEncoderConfig } from './qwen-config.ts';
import { rmsNorm, rotate, swiglu } from './qwen-vision.ts';

type Language = TextEncoderConfig['language'];

/** Every key or value head as often as queries share it. */
function perQuery(e: Emitter, x: Value, l: Language): Value {
  if (l.heads === l.kv_heads) return x;
  const headDim = l.hidden / l.heads;
  const index = Array.from({ length: l.heads }, (_, head) => Math.floor((head * l.kv_heads) / l.heads));
  const heads = e.reshape(x, [0, 0, l.kv_heads, headDim]);
  const repeated = e.op('Gather', [heads, e.model.constant('int32', index)], { axis: 2 });
  return e.reshape(repeated, [0, 0, l.hidden]);
}

/** Weights of the prefix in a layer: computed while building. */
function prefixPart(e: Emitter, name: string, l: Language, tokens: number): Value {
  const shape = [1, tokens, (l.hidden / l.heads) * l.kv_heads];
  const source = { tensor: '', full: shape };
  return e.weight(name, 'float32', { stored: e.formats.plain, shape, source, computed: true });
}

/**
 * `text.N`: one layer. Keys and values of the prefix are weights, and come first.
 *
 * @param prefix its tokens, 0 for the graph that computes the prefix itself and gives keys and values out
 */
export function languageLayer(e: Emitter, l: Language, prefix: number): void {
  const D = l.hidden;
  const headDim = D / l.heads;
  const x = e.input('x', [1, 'T', D]);
  const cos = e.input('cos', [1, 'T', headDim / 2]);
  const sin = e.input('sin', [1, 'T', headDim / 2]);
  const bias = e.input('bias', [1, 1, 'T', prefix === 0 ? 'T' : `T+${prefix}`]);
  const h = rmsNorm(e, x, 'input_norm', 'input_layernorm', D);
  const narrow = headDim * l.kv_heads;
  const project = (name: 'q' | 'k' | 'v', out: number) => {
    const spec: Linear = { name, tensor: `self_attn.${name}_proj`, out, in: D, bias: true, role: 'text' };
    return linear(e, h, spec, 'float32');
  };
  const q = rotate(e, project('q', D), cos, sin, l.heads);
  const k = rotate(e, project('k', narrow), cos, sin, l.kv_heads);
  const v = project('v', narrow);
  if (prefix === 0) {
    e.output('k', k, [1, 'T', narrow]);
    e.output('v', v, [1, 'T', narrow]);
  }
  const behind = (name: string, own: Value) =>
    perQuery(e, prefix === 0 ? own : e.concat([prefixPart(e, name, l, prefix), own], 1), l);
  const attended = attend(e, l.heads, q, behind('prefix_k', k), behind('prefix_v', v), bias);
  const out: Linear = { name: 'o', tensor: 'self_attn.o_proj', out: D, in: D, bias: false, role: 'text' };
  const middle = e.add(x, linear(e, attended, out, 'float32'));
  const normed = rmsNorm(e, middle, 'post_norm', 'post_attention_layernorm', D);
  e.output('x', e.add(middle, swiglu(e, normed, D, l.mlp, false)), [1, 'T', D]);
}

/** `text.norm`: the states that the connector reads. */
export function languageNorm(e: Emitter, l: Language): void {
  e.output('states', rmsNorm(e, e.input('x', [1, 'T', l.hidden]), 'norm', 'norm', l.hidden), [1, 'T', l.hidden]);
}
