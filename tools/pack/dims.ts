/** Dims that RealRestorer's configs leave to its code, told by the tensors: those of the connector and of the VAE. */
import type { Step1xConfig } from './config.ts';
import type { TensorSource } from './source.ts';

type Shapes = Pick<TensorSource, 'names' | 'shape'>;

/** How many different numbers follow a prefix in tensor names. */
export function countAfter(source: Pick<TensorSource, 'names'>, prefix: string): number {
  return new Set(
    source.names().flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length).split('.')[0]] : [])),
  ).size;
}

/** Width of an attention head of the connector; its tensors don't tell, RealRestorer has 32 heads on 4096. */
const CONNECTOR_HEAD = 128;

function connectorOf(source: Shapes, told: Step1xConfig['connector']): Step1xConfig['connector'] {
  const [hidden, stateDim] = source.shape('connector.S.input_embedder.weight') ?? [];
  const blocks = 'connector.S.individual_token_refiner.blocks.';
  const [mlp] = source.shape(`${blocks}0.mlp.fc1.weight`) ?? [];
  if (hidden === undefined || stateDim === undefined || mlp === undefined) return told;
  return {
    state_dim: stateDim,
    heads: Math.max(1, Math.floor(hidden / CONNECTOR_HEAD)),
    depth: countAfter(source, blocks),
    mlp_ratio: mlp / hidden,
  };
}

function vaeOf(source: Shapes, told: Step1xConfig['vae']): Step1xConfig['vae'] {
  const [base] = source.shape('encoder.conv_in.weight') ?? [];
  const [moments] = source.shape('encoder.conv_out.weight') ?? [];
  const widths = told.multipliers.map((_, level) => source.shape(`encoder.down.${level}.block.0.conv1.weight`)?.[0]);
  if (base === undefined || moments === undefined || widths.includes(undefined)) return told;
  return {
    ...told,
    base,
    multipliers: widths.map((width) => (width ?? 0) / base),
    res_blocks: countAfter(source, 'encoder.down.0.block.'),
    latent_channels: moments / 2,
  };
}

/** The config with the dims of the tensors that are there; as told where they are missing, so that they are listed. */
export function withDimsOf(source: Shapes, config: Step1xConfig): Step1xConfig {
  return { ...config, connector: connectorOf(source, config.connector), vae: vaeOf(source, config.vae) };
}
