/**
 * Graph `connector` of Step1X-Edit: states of the language model to text features and the pooled vector
 * (realrestorer.md D.5). fp32 in both modes: it is under 1 % of the work and sees unbounded states.
 */
import type { Value } from '../onnx/model.ts';
import { attend } from './dit.ts';
import type { Emitter } from './emitter.ts';
import { type Linear, linear, vector } from './linear.ts';

export interface ConnectorDims {
  readonly stateDim: number;
  /** Equals the transformer's context dim. */
  readonly hidden: number;
  readonly heads: number;
  readonly depth: number;
  readonly mlp: number;
  readonly pooledDim: number;
  /** v1.0: the mean of the states is scaled by 1 + scale_factor before the pooled projection. */
  readonly scaled: boolean;
}

const spec = (tensor: string, out: number, inDim: number): Linear => ({
  name: tensor.replace(/^connector\./, ''),
  tensor,
  out,
  in: inDim,
  bias: true,
  role: 'connector',
});

function layerNorm(e: Emitter, x: Value, tensor: string, size: number): Value {
  const name = tensor.replace(/^connector\./, '');
  const part = (what: string) => vector(e, `${name}.${what}`, 'float32', { tensor: `${tensor}.${what}`, full: [size] });
  return e.op('LayerNormalization', [x, part('weight'), part('bias')], { axis: -1, epsilon: { f: 1e-6 } });
}

export function connector(e: Emitter, d: ConnectorDims): void {
  const D = d.hidden;
  const states = e.input('states', [1, 'T', d.stateDim]);
  const time = e.input('time', [1, 256]);
  const mask = e.input('mask', [1, 1, 'T', 'T']);
  const mean = e.reshape(e.op('MatMul', [e.input('mean', [1, 1, 'T']), states]), [1, d.stateDim]);
  const fc = (x: Value, l: Linear) => linear(e, x, l, 'float32');

  let scaled = mean;
  if (d.scaled) {
    const source = { tensor: 'connector.scale_factor', full: [1], plus: 1 };
    scaled = e.mul(mean, e.weight('mean_scale', 'float32', { stored: 'f32', shape: [1], source }));
  }
  e.output('pooled', fc(scaled, spec('connector.global_proj_out', d.pooledDim, d.stateDim)), [1, d.pooledDim]);

  const S = 'connector.S';
  const fromTime = fc(e.silu(fc(time, spec(`${S}.t_embedder.mlp.0`, D, 256))), spec(`${S}.t_embedder.mlp.2`, D, D));
  const fromMean = fc(
    e.silu(fc(mean, spec(`${S}.c_embedder.linear_1`, D, d.stateDim))),
    spec(`${S}.c_embedder.linear_2`, D, D),
  );
  const c = e.silu(e.add(fromTime, fromMean));

  let h = fc(states, spec(`${S}.input_embedder`, D, d.stateDim));
  for (let i = 0; i < d.depth; i++) {
    const block = `${S}.individual_token_refiner.blocks.${i}`;
    const [gate1 = '', gate2 = ''] = e.split(fc(c, spec(`${block}.adaLN_modulation.1`, 2 * D, D)), 2, 1);
    const normed = layerNorm(e, h, `${block}.norm1`, D);
    const qkv = spec(`${block}.self_attn_qkv`, 3 * D, D);
    const [q = '', k = '', v = ''] = ['q', 'k', 'v'].map((what, at) =>
      fc(normed, { ...qkv, name: `${qkv.name}.${what}`, rows: [at * D, D] }),
    );
    const attended = fc(attend(e, d.heads, q, k, v, mask), spec(`${block}.self_attn_proj`, D, D));
    h = e.add(h, e.mul(gate1, attended));
    const up = fc(layerNorm(e, h, `${block}.norm2`, D), spec(`${block}.mlp.fc1`, d.mlp, D));
    h = e.add(h, e.mul(gate2, fc(e.silu(up), spec(`${block}.mlp.fc2`, D, d.mlp))));
  }
  e.output('context', h, [1, 'T', D]);
}
