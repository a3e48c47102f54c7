import { describe, expect, it } from 'vitest';
import type { EngineError } from '../errors.ts';
import { sampleManifest } from './manifest.sample.ts';
import { type AutoSpec, type Manifest, manifestSchema } from './manifest.ts';
import { loadManifest, MAX_MANIFEST_BYTES, requireParts } from './manifest-load.ts';

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

function failure(bytes: Uint8Array): EngineError {
  try {
    loadManifest(bytes);
  } catch (error) {
    return error as EngineError;
  }
  throw new Error('was accepted');
}

describe('loadManifest', () => {
  it('takes a valid manifest as it is', () => {
    expect(loadManifest(encode(sampleManifest()))).toEqual(sampleManifest());
    expect(manifestSchema.safeParse(sampleManifest()).success).toBe(true);
  });

  it.each([
    ['no JSON', new TextEncoder().encode('{')],
    ['broken UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d)],
    ['too many bytes', new Uint8Array(MAX_MANIFEST_BYTES + 1)],
    ['another format', encode({ ...sampleManifest(), format: 2 })],
    ['a field that is not known', encode({ ...sampleManifest(), extra: 1 })],
    ['no object', encode(null)],
  ])('refuses %s', (_what, bytes) => {
    expect(failure(bytes).code).toBe('pack-damaged');
  });

  type Sample = ReturnType<typeof sampleManifest>;
  const record = (value: object) => value as Record<string, Record<string, unknown>>;
  it.each<[string, RegExp, (m: Sample) => void]>([
    [
      'a weight behind its shard',
      /ends after/,
      (m) => Object.assign(record(m.weights)['enc.0.w.scales'] ?? {}, { offset: 528 }),
    ],
    [
      'an offset that is not aligned',
      /multiple of 16/,
      (m) => Object.assign(record(m.weights)['enc.0.w'] ?? {}, { offset: 8 }),
    ],
    [
      'bytes that do not fit the shape',
      /bytes for its shape/,
      (m) => Object.assign(record(m.weights)['enc.0.w'] ?? {}, { bytes: 500 }),
    ],
    [
      'a shard that is not listed',
      /not a file/,
      (m) => Object.assign(record(m.weights)['enc.0.w'] ?? {}, { shard: 'other.bin' }),
    ],
    [
      'a shard named like an object property',
      /not a file/,
      (m) => Object.assign(record(m.weights)['enc.0.w'] ?? {}, { shard: 'constructor' }),
    ],
    ['a graph file that is not listed', /not a file/, (m) => Reflect.deleteProperty(m.files, 'enc-f16.onnx')],
    [
      'an instance of no graph',
      /not there/,
      (m) => Object.assign(record(m.instances)['enc.0'] ?? {}, { graph: 'toString' }),
    ],
    [
      'an instance without a weight',
      /has not the weights/,
      (m) => Object.assign(record(m.instances)['enc.0'] ?? {}, { weights: {} }),
    ],
    [
      'a weight of another name',
      /no weight for/,
      (m) => Object.assign(record(m.instances)['enc.0'] ?? {}, { weights: { w: 'enc.0.w', v: 'enc.0.w' } }),
    ],
    [
      'a weight of another shape',
      /wants/,
      (m) => Object.assign(record(m.weights)['enc.0.w'] ?? {}, { shape: [16, 1, 32] }),
    ],
    [
      'a quantised weight for a float input',
      /can't be fed/,
      (m) => Object.assign(record(m.graphs.enc?.weights ?? [])[0] ?? {}, { dtype: 'compute' }),
    ],
    ['a chain of no instance', /not an instance/, (m) => m.vae.decode.push('dec.9')],
    ['tiles that are no whole tokens', /multiples of 16/, (m) => Object.assign(m.tile, { gpu: 500 })],
    ['an overlap as large as the tile', /overlap/, (m) => Object.assign(m.tile, { overlap: 256 })],
    [
      'piece hashes that are missing',
      /piece hashes/,
      (m) => Object.assign(m.files['weights-0.bin'] ?? {}, { pieces: [] }),
    ],
    ['a preview of other latents', /preview/, (m) => Object.assign(m.preview, { matrix: [[1], [1], [1]] })],
    [
      'a part twice',
      /parts/,
      (m) => {
        m.parts = ['vae', 'vae'];
      },
    ],
    [
      'baked states without a text part',
      /states and parts/,
      (m) => {
        m.parts = ['dit', 'vae'];
        const states = { shard: 'weights-0.bin', offset: 0, bytes: 16 };
        m.switches.conditioning = { kind: 'qwen2.5-vl', stateDim: 4, tokens: 1, states, valid: [1, 1] };
      },
    ],
    [
      'tensors that overlap',
      /overlap/,
      (m) => Object.assign(record(m.weights)['enc.0.w.scales'] ?? {}, { offset: 496 }),
    ],
    [
      'a hash of the file that is not that of its piece',
      /differ/,
      (m) => Object.assign(m.files['weights-0.bin'] ?? {}, { sha256: '1'.repeat(64) }),
    ],
    ['a version that is no name', /version/, (m) => Object.assign(m, { version: '../1' })],
    [
      'more files than a pack has',
      /1004 files/,
      (m) => {
        for (let i = 0; i < 1000; i++)
          m.files[`f${i}`] = { bytes: 1, sha256: '0'.repeat(64), pieces: ['0'.repeat(64)] };
      },
    ],
    ['steps out of order', /steps/, (m) => Object.assign(m.steps, { default: 9 })],
  ])('refuses %s', (_what, message, damage) => {
    const manifest = sampleManifest();
    damage(manifest);
    const error = failure(encode(manifest));
    expect(error.code).toBe('pack-damaged');
    expect(error.message).toMatch(message);
  });
});

describe('requireParts', () => {
  it('names the parts that a pack lacks', () => {
    const manifest = sampleManifest();
    requireParts(manifest);
    manifest.parts = ['vae'];
    requireParts(manifest, ['vae']);
    expect(() => requireParts(manifest)).toThrowError(
      expect.objectContaining({ code: 'pack-incomplete', values: { pack: 'sample', parts: 'dit, text' } }),
    );
  });

  it('takes a manifest without a VAE, whose chains name nothing', () => {
    const manifest = sampleManifest();
    manifest.parts = ['dit', 'text'];
    manifest.vae.encode = ['not.there'];
    expect(loadManifest(encode(manifest)).parts).toEqual(['dit', 'text']);
  });
});

describe('the last pass of a task', () => {
  /** The sample with one for noise. */
  function withRefine() {
    const manifest = sampleManifest();
    const port = (name: string) => ({ name, dtype: 'float32' as const, shape: [1, 3, 'H', 'W'] });
    const graph = {
      inputs: [port('photo'), port('restored')],
      weights: [],
      outputs: [port('restored')],
      variants: [{ mode: 'f32' as const, queryChunks: 1, file: 'enc-f32.onnx' }],
    };
    const refine: NonNullable<Manifest['refine']> = [{ task: 'noise', instance: 'refine.noise' }];
    Object.assign(manifest.graphs, { refine: graph });
    manifest.instances['refine.noise'] = { graph: 'refine', weights: {} };
    manifest.refine = refine;
    return { manifest, graph, refine };
  }

  it('may be there or not', () => {
    expect(loadManifest(encode(withRefine().manifest)).refine).toEqual([{ task: 'noise', instance: 'refine.noise' }]);
    expect(loadManifest(encode(sampleManifest())).refine).toBeUndefined();
  });

  type Parts = ReturnType<typeof withRefine>;
  it.each<[string, RegExp, (parts: Parts) => void]>([
    [
      'a task that the pack lacks',
      /rain, which is not a task/,
      ({ refine }) => Object.assign(refine[0] ?? {}, { task: 'rain' }),
    ],
    ['a task twice', /listed twice/, ({ refine }) => refine.push({ task: 'noise', instance: 'refine.noise' })],
    ['no instance', /not an instance/, ({ manifest }) => Reflect.deleteProperty(manifest.instances, 'refine.noise')],
    ['another input', /does not fit/, ({ graph }) => graph.inputs.splice(0, 1)],
    [
      'another size',
      /does not fit/,
      ({ graph }) => Object.assign(graph.outputs[0] ?? {}, { shape: [1, 3, 'h*8', 'w*8'] }),
    ],
  ])('with %s is refused', (_what, message, damage) => {
    const parts = withRefine();
    damage(parts);
    expect(failure(encode(parts.manifest)).message).toMatch(message);
  });
});

describe('the look at the whole photo', () => {
  /** The sample with one for noise. */
  function withOverview() {
    const manifest = sampleManifest();
    const port = (name: string) => ({ name, dtype: 'float32' as const, shape: [1, 3, 64, 64] });
    const graph = {
      inputs: [port('thumb')],
      weights: [],
      outputs: [port('restored')],
      variants: [{ mode: 'f32' as const, queryChunks: 1, file: 'enc-f32.onnx' }],
    };
    const tasks: NonNullable<Manifest['overview']>['tasks'] = [{ task: 'noise', instance: 'overview.noise' }];
    Object.assign(manifest.graphs, { overview: graph });
    manifest.instances['overview.noise'] = { graph: 'overview', weights: {} };
    manifest.overview = { side: 64, sigma: 4, doubt: 4, tasks };
    return { manifest, graph, tasks };
  }

  it('may be there or not', () => {
    expect(loadManifest(encode(withOverview().manifest)).overview?.sigma).toBe(4);
    expect(loadManifest(encode(sampleManifest())).overview).toBeUndefined();
  });

  type Parts = ReturnType<typeof withOverview>;
  it.each<[string, RegExp, (parts: Parts) => void]>([
    [
      'a task that the pack lacks',
      /rain, which is not a task/,
      ({ tasks }) => Object.assign(tasks[0] ?? {}, { task: 'rain' }),
    ],
    ['a task twice', /listed twice/, ({ tasks }) => tasks.push({ task: 'noise', instance: 'overview.noise' })],
    ['no instance', /not an instance/, ({ manifest }) => Reflect.deleteProperty(manifest.instances, 'overview.noise')],
    ['another input', /does not fit/, ({ graph }) => Object.assign(graph.inputs[0] ?? {}, { name: 'photo' })],
    ['another side', /does not fit/, ({ manifest }) => Object.assign(manifest.overview ?? {}, { side: 32 })],
    ['doubt below nothing', /doubt/, ({ manifest }) => Object.assign(manifest.overview ?? {}, { doubt: -1 })],
    [
      'a task that is held to an anchor as well',
      /to an anchor and to an overview/,
      ({ manifest }) => Object.assign(manifest, { anchor: { side: 384, sigma: 6, tasks: ['noise'] } }),
    ],
  ])('with %s is refused', (_what, message, damage) => {
    const parts = withOverview();
    damage(parts);
    expect(failure(encode(parts.manifest)).message).toMatch(message);
  });
});

describe('the network that proposes a task', () => {
  /** The sample with such a network: two classes, crops of 16 px. */
  function withAuto() {
    const manifest = sampleManifest();
    const port = (name: string, shape: (number | string)[]) => ({ name, dtype: 'float32' as const, shape });
    const graph = {
      inputs: [port('crops', ['k', 3, 16, 16]), port('thumb', [1, 3, 32, 32])],
      weights: [],
      outputs: [port('logits', [1, 2])],
      variants: [{ mode: 'f32' as const, queryChunks: 1, file: 'enc-f32.onnx' }],
    };
    const auto: AutoSpec = {
      graph: 'auto',
      crop: 16,
      crops: 8,
      thumb: 32,
      classes: ['noise', 'clean'],
      threshold: 0.7,
    };
    manifest.graphs.auto = graph;
    manifest.instances.auto = { graph: 'auto', weights: {} };
    manifest.auto = auto;
    return { manifest, graph, auto };
  }

  it('may be there or not', () => {
    expect(loadManifest(encode(withAuto().manifest)).auto?.classes).toEqual(['noise', 'clean']);
    expect(loadManifest(encode(sampleManifest())).auto).toBeUndefined();
  });

  type Parts = ReturnType<typeof withAuto>;
  it.each<[string, RegExp, (parts: Parts) => void]>([
    ['a task that the pack does not have', /rain, which is not a task/, ({ auto }) => auto.classes.push('rain')],
    ['no clean', /classes make no sense/, ({ auto }) => auto.classes.splice(0, 2, 'noise', 'haze')],
    ['a class twice', /classes make no sense/, ({ auto }) => auto.classes.push('clean')],
    ['no instance', /not an instance/, ({ manifest }) => Reflect.deleteProperty(manifest.instances, 'auto')],
    ['crops of another size', /does not fit/, ({ auto }) => Object.assign(auto, { crop: 24 })],
    ['a thumbnail of another size', /does not fit/, ({ auto }) => Object.assign(auto, { thumb: 64 })],
    [
      'more logits than classes',
      /does not fit/,
      ({ graph }) => Object.assign(graph.outputs[0] ?? {}, { shape: [1, 3] }),
    ],
    ['another input', /does not fit/, ({ graph }) => graph.inputs.push({ name: 'x', dtype: 'float32', shape: [1] })],
    ['crops off the JPEG grid', /multiple of 8/, ({ auto }) => Object.assign(auto, { crop: 20 })],
    ['a threshold above 1', /threshold/, ({ auto }) => Object.assign(auto, { threshold: 1.1 })],
  ])('with %s is refused', (_what, message, damage) => {
    const parts = withAuto();
    damage(parts);
    expect(failure(encode(parts.manifest)).message).toMatch(message);
  });
});
