/**
 * Graphs of Qwen2.5-VL's vision tower (realrestorer.md D.4), fp32 in both modes: they run once a photo and see unbounded
 * states. Sizes: N patches in the order of the windows, W windows of at most L of them.
 */
import type { Value } from '../onnx/model.ts';
import { attend } from './dit.ts';
import type { Emitter } from './emitter.ts';
import { type Linear, linear, paddedWidth, vector } from './linear.ts';
import type { TextEncoderConfig } from './qwen-config.ts';

type Vision = TextEncoderConfig['vision'];

const EPSILON = { f: 1e-6 };

export function rmsNorm(e: Emitter, x: Value, name: string, tensor: string, size: number): Value {
  const scale = vector(e, name, 'float32', { tensor: `${tensor}.weight`, full: [size] });
  return e.op('RMSNormalization', [x, scale], { axis: -1, epsilon: EPSILON });
}

/** Rotation of halves: feature i of a head turns with feature i + headDim / 2. */
export function rotate(e: Emitter, x: Value, cos: Value, sin: Value, heads: number): Value {
  return e.op('RotaryEmbedding', [x, cos, sin], { interleaved: 0, num_heads: heads });
}

/** down(silu(gate(h)) · up(h)); the hidden side gets columns of zeros where the matrices are quantised. */
export function swiglu(e: Emitter, h: Value, width: number, mlp: number, bias: boolean): Value {
  const wide = paddedWidth(e, mlp, 'text');
  const side = (name: string): Linear => ({
    name,
    tensor: `mlp.${name}_proj`,
    out: mlp,
    in: width,
    bias,
    role: 'text',
    ...(wide > mlp && { padOut: wide }),
  });
  const down: Linear = { name: 'down', tensor: 'mlp.down_proj', out: width, in: mlp, bias, role: 'text' };
  const hidden = e.mul(e.silu(linear(e, h, side('gate'), 'float32')), linear(e, h, side('up'), 'float32'));
  return linear(e, hidden, { ...down, ...(wide > mlp && { padIn: wide }) }, 'float32');
}

/** `vision.patch`: a 14×14×2 convolution on patches that were taken apart already. */
export function patchEmbed(e: Emitter, v: Vision): void {
  const features = 3 * 2 * v.patch * v.patch;
  const spec: Linear = {
    name: 'proj',
    tensor: 'patch_embed.proj',
    out: v.hidden,
    in: features,
    full: [v.hidden, 3, 2, v.patch, v.patch],
    bias: false,
    role: 'plain',
  };
  e.output('x', linear(e, e.input('patches', [1, 'N', features]), spec, 'float32'), [1, 'N', v.hidden]);
}

/**
 * `vision.N`: one block. Windows are a batch: patches are laid out window by window (`rows`), places without one are
 * masked (`bias`), and the result is put back (`back`). For a block that sees the whole image there is one window.
 */
export function visionBlock(e: Emitter, v: Vision): void {
  const D = v.hidden;
  const x = e.input('x', [1, 'N', D]);
  const half = D / v.heads / 2;
  const cos = e.input('cos', [1, 'N', half]);
  const sin = e.input('sin', [1, 'N', half]);
  const rows = e.input('rows', ['W', 'L'], 'int32');
  const back = e.input('back', ['N'], 'int32');
  const bias = e.input('bias', ['W', 1, 'L', 'L']);
  const qkv: Linear = { name: '', tensor: 'attn.qkv', out: 3 * D, in: D, bias: true, role: 'text' };
  const h = rmsNorm(e, x, 'norm1', 'norm1', D);
  const third = (name: string, at: number) => linear(e, h, { ...qkv, name, rows: [at * D, D] }, 'float32');
  const windows = (value: Value) => e.op('Gather', [e.reshape(value, [-1, D]), rows], { axis: 0 });
  const attended = attend(
    e,
    v.heads,
    windows(rotate(e, third('q', 0), cos, sin, v.heads)),
    windows(rotate(e, third('k', 1), cos, sin, v.heads)),
    windows(third('v', 2)),
    bias,
  );
  const inOrder = e.reshape(e.op('Gather', [e.reshape(attended, [-1, D]), back], { axis: 0 }), [1, -1, D]);
  const proj: Linear = { name: 'proj', tensor: 'attn.proj', out: D, in: D, bias: true, role: 'text' };
  const middle = e.add(x, linear(e, inOrder, proj, 'float32'));
  const after = e.add(middle, swiglu(e, rmsNorm(e, middle, 'norm2', 'norm2', D), D, v.mlp, true));
  e.output('x', after, [1, 'N', D]);
}

/** `vision.merger`: groups of patches to the language model's width, put back into the image's order. */
export function merger(e: Emitter, v: Vision, out: number): void {
  const group = v.merge * v.merge;
  const wide = v.hidden * group;
  const x = e.input('x', [1, 'N', v.hidden]);
  const order = e.input('order', [`N/${group}`], 'int32');
  const grouped = e.reshape(rmsNorm(e, x, 'ln_q', 'ln_q', v.hidden), [1, -1, wide]);
  const first: Linear = { name: 'mlp0', tensor: 'mlp.0', out: wide, in: wide, bias: true, role: 'text' };
  const second: Linear = { name: 'mlp2', tensor: 'mlp.2', out, in: wide, bias: true, role: 'text' };
  const hidden = e.op('Gelu', [linear(e, grouped, first, 'float32')], { approximate: 'none' });
  const merged = linear(e, hidden, second, 'float32');
  e.output('image', e.op('Gather', [merged, order], { axis: 1 }), [1, `N/${group}`, out]);
}
