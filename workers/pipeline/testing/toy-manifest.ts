/** Manifests for the toy backend. */
import { type AutoSpec, type Manifest, manifestSchema, type Switches } from '../../packs/manifest.ts';
import { CHANNELS, TEXT } from './toy.ts';

/** What a toy that proposes tasks has in its manifest; its graph and instance are there in any case. */
export const TOY_AUTO: AutoSpec = {
  graph: 'auto',
  crop: 16,
  crops: 8,
  thumb: 32,
  classes: ['noise', 'haze', 'clean'],
  threshold: 0.9,
};

const port = (name: string, shape: (number | string)[], dtype = 'float32') => ({ name, dtype, shape });
const graph = (inputs: unknown[], outputs: unknown[]) => ({
  inputs,
  weights: [],
  outputs,
  variants: [1, 2, 4].map((queryChunks) => ({ mode: 'f32', queryChunks, file: 'toy.onnx' })),
});
const photo = port('photo', [1, 3, 'H', 'W']);
const latents = port('latents', [1, CHANNELS, 'H/8', 'W/8']);
const z = (name: string) => port(name, [1, CHANNELS, 'h', 'w']);
const restored = port('restored', [1, 3, 'h*8', 'w*8']);
const rope = [port('cos', [1, 'n', 4]), port('sin', [1, 'n', 4]), port('step', [], 'int32')];
const textRows = port('text_rows', ['K'], 'int32');
const modPort = (name: string) => port(name, ['S', 1]);

/** A manifest of the toy, valid by the schema. Skips, table and `reference` start unless told otherwise. */
export function toyManifest(switches: Partial<Switches> = {}, change: Partial<Manifest> = {}): Manifest {
  const all: Switches = {
    start: { kind: 'reference', sigma: 0.5 },
    reference: { kind: 'channels' },
    decoderInputs: 'latents',
    conditioning: { kind: 'table', thumb: 32 },
    guidance: { kind: 'none' },
    ...switches,
  };
  const skips = all.decoderInputs === 'latents+skips';
  const encode = skips ? ['enc.a'] : ['enc.plain', 'enc.out'];
  const decode = skips ? 'dec.skips' : 'dec';
  const mods = ['double.0.img_mod', 'double.0.txt_mod', 'single.0.mod', 'final.mod'];
  const ids = [
    ...encode,
    decode,
    'conditioning',
    'connector',
    'vec',
    'context',
    'embed',
    'final',
    'auto',
    'refine',
    'overview',
  ];
  const instances: Record<string, { graph: string; weights: Record<string, string> }> = {
    'double.0': { graph: 'double', weights: {} },
    'single.0': { graph: 'single', weights: {} },
  };
  for (const id of ids) instances[id] = { graph: id, weights: {} };
  const tokens = all.reference.kind === 'tokens';
  if (tokens) {
    for (const id of ['embed', 'final']) instances[id] = { graph: `${id}.tokens`, weights: {} };
    instances['double.0'] = { graph: 'double.tokens', weights: {} };
    instances['single.0'] = { graph: 'last.tokens', weights: {} };
  }
  const features = tokens ? 16 : 32;
  const stream = [port('img', [1, 'n', features]), port('txt', [1, 'T', 1])];
  const embed = graph([z('latents'), z('reference')], [port('img', [1, 'n', features])]);
  const final = graph(
    [port('img', [1, 'n', features]), modPort('mod'), port('step', [], 'int32')],
    [port('velocity', [1, 'n', 16])],
  );
  for (const id of mods) instances[id] = { graph: 'mod', weights: {} };
  return manifestSchema.parse({
    format: 1,
    parts: ['dit', 'vae', 'text'],
    name: 'toy',
    version: '0',
    title: 'Toy',
    licence: 'none',
    source: 'none',
    family: {
      hidden: 32,
      heads: 1,
      axesDim: [2, 2, 4],
      theta: 10000,
      double: 1,
      single: 1,
      latentChannels: CHANNELS,
      factor: 8,
      patch: 2,
      contextDim: 1,
      pooledDim: 1,
      contextTokens: TEXT,
      guidanceEmbed: null,
    },
    switches: all,
    schedule: { kind: 'linear' },
    steps: { min: 1, default: 4, max: 8 },
    vae: { scale: 1, shift: 0, encode, decode: [decode] },
    tile: { gpu: 128, wasm: 128, overlap: 32 },
    tasks: (['noise', 'haze'] as const).map((id) => ({ id, prompt: { en: id, zh: id } })),
    preview: {
      kind: 'linear',
      matrix: [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
      ],
      bias: [0, 0, 0],
    },
    graphs: {
      'enc.a': graph([photo], [latents, port('skip0', [1, 3, 'H', 'W'])]),
      'enc.plain': graph([photo], [{ ...latents, name: 'hidden' }]),
      'enc.out': graph([z('hidden')], [z('latents')]),
      dec: graph([z('latents')], [restored]),
      'dec.skips': graph([z('latents'), port('skip0', [1, 3, 'H', 'W']), port('pooled', [1, 1])], [restored]),
      refine: graph([photo, { ...photo, name: 'restored' }], [{ ...photo, name: 'restored' }]),
      overview: graph([port('thumb', [1, 3, 32, 32])], [port('restored', [1, 3, 32, 32])]),
      conditioning: graph([z('latents'), port('task', [1, 2])], [port('context', [1, 2, 1]), port('pooled', [1, 1])]),
      auto: graph([port('crops', ['k', 3, 16, 16]), port('thumb', [1, 3, 32, 32])], [port('logits', [1, 3])]),
      connector: graph(
        [
          port('states', [1, 'T', 1]),
          port('time', [1, 256]),
          port('mask', [1, 1, 'T', 'T']),
          port('mean', [1, 1, 'T']),
        ],
        [port('context', [1, 'T', 1]), port('pooled', [1, 1])],
      ),
      vec: graph([port('time', ['S', 256]), port('pooled', ['P', 1])], [port('vec', ['S', 1])]),
      mod: graph([port('vec', ['S', 1])], [modPort('mod')]),
      context: graph([port('context', [1, 'T', 1])], [port('txt', [1, 'T', 1])]),
      embed,
      'embed.tokens': embed,
      'double.tokens': graph([...stream, ...rope, textRows, modPort('img_mod'), modPort('txt_mod')], stream),
      'last.tokens': graph([...stream, ...rope, textRows, modPort('mod')], [port('img', [1, 'n/2', features])]),
      double: graph([...stream, ...rope, modPort('img_mod'), modPort('txt_mod')], stream),
      single: graph([...stream, ...rope, modPort('mod')], stream),
      final,
      'final.tokens': final,
    },
    instances,
    weights: {},
    files: {},
    ...change,
  });
}
