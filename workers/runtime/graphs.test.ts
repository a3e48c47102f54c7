import { describe, expect, it } from 'vitest';
import { sampleManifest } from '../packs/manifest.sample.ts';
import type { DType, Tensor } from '../pipeline/backend.ts';
import { completeBindings, hasMode, planRun, variantFile } from './graphs.ts';

const tensor = (dtype: DType, dims: number[]): Tensor => ({ dtype, dims, dispose: () => undefined });

describe('planRun', () => {
  it('works out what comes out', () => {
    const plan = planRun(sampleManifest(), 'enc.0', 'f32', { photo: tensor('float32', [1, 3, 64, 96]) });
    expect(plan).toEqual({
      file: 'enc-f32.onnx',
      outputs: [{ name: 'latents', onnx: 'latents', dtype: 'float32', dims: [1, 2, 8, 12] }],
    });
  });

  it('knows the symbols that no input carries', () => {
    const { outputs } = planRun(sampleManifest(), 'embed', 'f32', { latents: tensor('float32', [1, 2, 8, 12]) });
    // 4 × 6 target tokens, as many reference tokens behind them; 5 text tokens.
    expect(outputs.map(({ dims }) => dims)).toEqual([
      [1, 48, 64],
      [1, 5, 64],
      [1, 24, 64, 96],
    ]);
  });

  it('tells an output from an input of the same name inside the ONNX file', () => {
    const manifest = sampleManifest();
    manifest.graphs.embed?.outputs.push({ name: 'latents', dtype: 'float32', shape: [1, 2, 'h', 'w'] });
    const { outputs } = planRun(manifest, 'embed', 'f32', { latents: tensor('float32', [1, 2, 8, 12]) });
    expect(outputs.at(-1)).toMatchObject({ name: 'latents', onnx: 'latents.out', dims: [1, 2, 8, 12] });
  });

  it('refuses wrong feeds', () => {
    const run = (feeds: Record<string, Tensor>) => () => planRun(sampleManifest(), 'enc.0', 'f32', feeds);
    expect(run({})).toThrow('not fed photo');
    expect(run({ photo: tensor('int32', [1, 3, 64, 96]) })).toThrow('not int32');
    expect(run({ photo: tensor('float32', [1, 4, 64, 96]) })).toThrow('declared');
    expect(() => planRun(sampleManifest(), 'dec.7', 'f32', {})).toThrow('dec.7');
  });

  it('feeds compute tensors as halves in mode f16', () => {
    const manifest = sampleManifest();
    manifest.graphs.embed?.variants.push({ mode: 'f16', queryChunks: 1, file: 'enc-f16.onnx' });
    const plan = planRun(manifest, 'embed', 'f16', { latents: tensor('float16', [1, 2, 2, 2]) });
    expect(plan.outputs.map(({ dtype }) => dtype)).toEqual(['float32', 'float32', 'float16']);
  });
});

describe('completeBindings', () => {
  it('counts the reference only where it follows along the sequence', () => {
    const manifest = sampleManifest();
    manifest.switches.reference = { kind: 'channels' };
    const all = completeBindings(manifest, new Map(Object.entries({ h: 8, w: 12 })));
    expect(all.get('n')).toBe(24);
    expect(completeBindings(manifest, new Map(Object.entries({ h: 8, w: 12, n: 7 }))).get('n')).toBe(7);
  });
});

describe('variants', () => {
  it('takes the fewest chunks that are enough, else the most there are', () => {
    const graph = sampleManifest().graphs.enc;
    if (!graph) throw new Error('no graph');
    expect([1, 2, 8, 9].map((chunks) => variantFile(graph, 'f32', chunks))).toEqual([
      'enc-f32.onnx',
      'enc-f32-8.onnx',
      'enc-f32-8.onnx',
      'enc-f32-8.onnx',
    ]);
  });

  it('has a mode only when every graph has it', () => {
    expect(hasMode(sampleManifest(), 'f32')).toBe(true);
    expect(hasMode(sampleManifest(), 'f16')).toBe(false);
  });
});
