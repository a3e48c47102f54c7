import type { TextEncoderConfig } from './qwen-config.ts';

/** RealRestorer's; the image's limits are those of the authors' loader. */
export const QWEN_7B: TextEncoderConfig = {
  vision: { hidden: 1280, heads: 16, depth: 32, mlp: 3420, patch: 14, merge: 2, window: 4, global: [7, 15, 23, 31] },
  language: {
    hidden: 3584,
    heads: 28,
    kv_heads: 4,
    depth: 28,
    mlp: 18944,
    theta: 1e6,
    sections: [16, 24, 24],
    vocabulary: 152064,
  },
  image: { level: 1024, min_pixels: 256 * 784, max_pixels: 324 * 784 },
};
