import type { Step1xConfig } from './config.ts';
import { connector } from './connector.ts';
import {
  alone,
  ditDims,
  familyHead,
  type GraphPlan,
  type InstancePlan,
  type Plan,
  tasksOf,
  transformerParts,
} from './plan-parts.ts';
import { encoderHead, encoderParts, neededIds } from './plan-qwen.ts';
import { fluxVaeParts } from './plan-vae-flux.ts';

const ids = (instances: readonly InstancePlan[]) => instances.map(({ id }) => id);

/**
 * Step1X-Edit and RealRestorer: Flux VAE, connector, and the text encoder or baked states of it.
 *
 * @param anyPrompt the whole embedding table, for prompts of people's own
 */
export function step1xPlan(c: Step1xConfig, anyPrompt = false): Plan {
  const d = ditDims(c);
  const vae = {
    base: c.vae.base,
    multipliers: c.vae.multipliers,
    resBlocks: c.vae.res_blocks,
    latentChannels: c.vae.latent_channels,
    scale: c.vae.scale,
    shift: c.vae.shift,
  };
  const parts = transformerParts(c, d);
  const { tokens, valid } = c.conditioning;
  const dims = {
    stateDim: c.connector.state_dim,
    hidden: d.contextDim,
    heads: c.connector.heads,
    depth: c.connector.depth,
    mlp: Math.trunc(d.contextDim * c.connector.mlp_ratio),
    pooledDim: d.pooledDim,
    scaled: c.transformer.version === 'v1.0',
  };
  const { graphs: vaeGraphs, encode, decode } = fluxVaeParts(vae);
  const text = c.text_encoder;
  const encoder = text ? encoderParts(text) : { graphs: [], instances: [] };
  const graphs = new Map<string, GraphPlan>([
    ...vaeGraphs,
    ...encoder.graphs,
    ['connector', { emit: (e) => connector(e, dims), chunks: [1], modes: 'one' }],
    ...parts.graphs,
  ]);
  return {
    graphs,
    instances: [...encode, ...encoder.instances, ...alone(['connector']), ...parts.instances, ...decode],
    preview: 'linear',
    ignored: c.transformer.use_mask_token ? ['mask_token'] : [],
    states: text
      ? null
      : { tensor: 'conditioning.states', full: [c.conditioning.tasks.length + 1, tokens, c.connector.state_dim] },
    encoder: text
      ? {
          config: text,
          head: encoderHead(text, tasksOf(c)),
          ids: anyPrompt ? null : neededIds(c.conditioning.tasks),
        }
      : null,
    head: {
      family: familyHead(c, tokens, c.transformer.guidance_embeds ? c.guidance : null),
      switches: {
        start: { kind: 'noise' },
        reference: { kind: 'tokens', axis0: c.reference_id ?? (c.transformer.version === 'v1.0' ? 0 : 1) },
        decoderInputs: 'latents',
        conditioning: {
          kind: 'qwen2.5-vl',
          stateDim: c.connector.state_dim,
          tokens,
          // Filled in when the states are written.
          states: null,
          valid,
        },
        guidance: { kind: 'cfg', scale: 3, truncate: 0.93, power: 0.4 },
      },
      schedule: { kind: 'linear-mu', baseShift: 0.5, maxShift: 1.15, baseTokens: 256, maxTokens: 4096 },
      steps: { min: 1, default: 28, max: 50 },
      vae: { scale: c.vae.scale, shift: c.vae.shift, encode: ids(encode), decode: ids(decode) },
      tile: { gpu: 1024, wasm: 512, overlap: 128 },
      tasks: tasksOf(c),
    },
  };
}
