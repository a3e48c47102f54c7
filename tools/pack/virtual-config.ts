/** Configs of virtual checkpoints: RealRestorer's (realrestorer.md B.3, B.4, D.5, F), and a fiftieth of it. */
import { TASK_IDS } from '../../workers/packs/manifest.ts';
import type { Step1xConfig } from './config.ts';
import { QWEN_7B } from './qwen-config.ts';

/** 12.4 billion parameters in the transformer, 84 million in the VAE; no baked states. */
export const FULL_CONFIG: Step1xConfig = {
  family: 'step1x-edit',
  transformer: {
    in_channels: 64,
    out_channels: 64,
    vec_in_dim: 768,
    context_in_dim: 4096,
    hidden_size: 3072,
    mlp_ratio: 4,
    num_heads: 24,
    depth: 19,
    depth_single_blocks: 38,
    axes_dim: [16, 56, 56],
    theta: 10000,
    qkv_bias: true,
    guidance_embeds: true,
    version: 'v1.0',
    use_mask_token: true,
  },
  vae: { base: 128, multipliers: [1, 2, 4, 4], res_blocks: 2, latent_channels: 16, scale: 0.3611, shift: 0.1159 },
  connector: { state_dim: 3584, heads: 32, depth: 2, mlp_ratio: 4 },
  conditioning: { tasks: [...TASK_IDS], tokens: 640, valid: [] },
  guidance: 3.5,
};

/** The same with the language model that reads the photo: 7.7 billion parameters more, without the head that it doesn't need. */
export const FULL_TEXT_CONFIG: Step1xConfig = { ...FULL_CONFIG, text_encoder: QWEN_7B };

/** Fewer and narrower blocks, every kind of tensor: 245 million parameters in the transformer, 5 million in the VAE. */
export const FIFTIETH_CONFIG: Step1xConfig = {
  ...FULL_CONFIG,
  transformer: {
    ...FULL_CONFIG.transformer,
    context_in_dim: 1024,
    hidden_size: 1024,
    num_heads: 8,
    depth: 3,
    depth_single_blocks: 6,
  },
  vae: { ...FULL_CONFIG.vae, base: 32 },
  connector: { ...FULL_CONFIG.connector, state_dim: 896, heads: 8 },
};
