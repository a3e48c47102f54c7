/** A small, valid manifest for tests: one graph, one instance, one quantised weight with its scales. */
import type { Manifest } from './manifest.ts';

const HASH = '0'.repeat(64);

/** A new object each time: tests break it in one place. */
export function sampleManifest(): Manifest {
  return {
    format: 1,
    parts: ['dit', 'vae', 'text'],
    name: 'sample',
    version: '1',
    title: 'Sample',
    licence: 'Apache-2.0',
    source: 'made up',
    family: {
      hidden: 64,
      heads: 1,
      axesDim: [8, 28, 28],
      theta: 10000,
      double: 1,
      single: 1,
      latentChannels: 2,
      factor: 8,
      patch: 2,
      contextDim: 32,
      pooledDim: 32,
      contextTokens: 5,
      guidanceEmbed: null,
    },
    switches: {
      start: { kind: 'noise' },
      reference: { kind: 'tokens', axis0: 1 },
      decoderInputs: 'latents',
      conditioning: { kind: 'table', thumb: 64 },
      guidance: { kind: 'none' },
    },
    schedule: { kind: 'linear' },
    steps: { min: 1, default: 4, max: 8 },
    vae: { scale: 1, shift: 0, encode: ['enc.0'], decode: ['enc.0'] },
    tile: { gpu: 512, wasm: 256, overlap: 64 },
    tasks: [{ id: 'noise', prompt: { en: 'a', zh: 'b' } }],
    preview: {
      kind: 'linear',
      matrix: [
        [0, 1],
        [0, 1],
        [0, 1],
      ],
      bias: [0, 0, 0],
    },
    graphs: {
      enc: {
        inputs: [{ name: 'photo', dtype: 'float32', shape: [1, 3, 'H', 'W'] }],
        weights: [
          { name: 'w', dtype: 'uint8', shape: [16, 2, 16] },
          { name: 'w_scales', dtype: 'compute', shape: [16, 2] },
        ],
        outputs: [{ name: 'latents', dtype: 'float32', shape: [1, 2, 'H/8', 'W/8'] }],
        variants: [
          { mode: 'f32', queryChunks: 1, file: 'enc-f32.onnx' },
          { mode: 'f32', queryChunks: 8, file: 'enc-f32-8.onnx' },
          { mode: 'f16', queryChunks: 1, file: 'enc-f16.onnx' },
        ],
      },
      embed: {
        inputs: [{ name: 'latents', dtype: 'compute', shape: [1, 2, 'h', 'w'] }],
        weights: [],
        outputs: [
          { name: 'img', dtype: 'float32', shape: [1, 'n', 64] },
          { name: 'txt', dtype: 'float32', shape: [1, 'T', 64] },
          { name: 'big', dtype: 'compute', shape: [1, 'G', 'H', 'W'] },
        ],
        variants: [{ mode: 'f32', queryChunks: 1, file: 'enc-f32.onnx' }],
      },
      half: {
        inputs: [
          { name: 'x', dtype: 'float32', shape: [1, 4, 'r*2+1', 'w*2'] },
          { name: 'mask', dtype: 'float32', shape: [1, 1, 'r*2+1', 1] },
          { name: 'norm', dtype: 'float32', shape: [1, 2, 1, 2] },
        ],
        weights: [],
        outputs: [
          { name: 'x', dtype: 'float32', shape: [1, 4, 'r', 'w'] },
          { name: 'statistics', dtype: 'float32', shape: [1, 2, 1, 2] },
        ],
        bands: {
          above: [{ input: 'x', rows: 1 }],
          mask: { input: 'mask', of: 'x' },
          statistics: { output: 'statistics', of: 'x', norm: 'norm', groups: 2, eps: 1e-6 },
          state: [],
          scratch: ['r', 'w', 16],
        },
        variants: [{ mode: 'f32', queryChunks: 1, file: 'enc-f32.onnx' }],
      },
      fold: {
        inputs: [
          { name: 'q', dtype: 'float32', shape: [1, 'r', 'w', 4] },
          { name: 'k', dtype: 'float32', shape: [1, 4, 's', 'w'] },
          { name: 'acc', dtype: 'float32', shape: [1, 'r', 'w', 1] },
        ],
        weights: [],
        outputs: [{ name: 'acc', dtype: 'float32', shape: [1, 'r', 'w', 1] }],
        bands: {
          above: [],
          mask: null,
          statistics: null,
          state: [{ name: 'acc', start: 0 }],
          scratch: ['r', 's', 'w', 'w'],
        },
        variants: [{ mode: 'f32', queryChunks: 1, file: 'enc-f32.onnx' }],
      },
    },
    instances: {
      'enc.0': { graph: 'enc', weights: { w: 'enc.0.w', w_scales: 'enc.0.w.scales' } },
      embed: { graph: 'embed', weights: {} },
    },
    weights: {
      'enc.0.w': { shard: 'weights-0.bin', offset: 0, bytes: 512, stored: 'q4', shape: [16, 2, 16] },
      'enc.0.w.scales': { shard: 'weights-0.bin', offset: 512, bytes: 64, stored: 'f16', shape: [16, 2] },
    },
    files: {
      'weights-0.bin': { bytes: 576, sha256: HASH, pieces: [HASH] },
      'enc-f32.onnx': { bytes: 10, sha256: HASH, pieces: [HASH] },
      'enc-f32-8.onnx': { bytes: 10, sha256: HASH, pieces: [HASH] },
      'enc-f16.onnx': { bytes: 10, sha256: HASH, pieces: [HASH] },
    },
  };
}
