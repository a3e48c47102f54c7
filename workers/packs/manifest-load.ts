/**
 * From untrusted JSON to a manifest that the engine can run without looking twice: the schema, and everything that
 * refers to something else (weights to shards, instances to graphs, graphs to files) is in range and fits.
 */
import { EngineError } from '../errors.ts';
import { CLEAN, type Manifest, manifestSchema, PARTS, type Part, PIECE_BYTES } from './manifest.ts';
import { checkBands } from './manifest-bands.ts';
import { type EncoderSpec, encoderInstances, type Place } from './manifest-encoder.ts';
import { storedBytes } from './weights.ts';

/** A manifest is a few hundred kB; more is not one. */
export const MAX_MANIFEST_BYTES = 8 * 1024 * 1024;

/** How many there may be of each: several times what RealRestorer's pack has. */
const MOST = { files: 1_000, graphs: 500, instances: 4_000, weights: 20_000 } as const;

/** Bytes of all files together; a pack of 12 billion parameters in 16 bits has half of that. */
const MAX_PACK_BYTES = 64 * 2 ** 30;

/** @throws EngineError 'pack-damaged' with the first thing that is wrong */
export function loadManifest(bytes: Uint8Array): Manifest {
  if (bytes.byteLength > MAX_MANIFEST_BYTES) throw damaged(`manifest of ${bytes.byteLength} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw damaged('manifest is not JSON');
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw damaged(`manifest ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
  }
  checkReferences(parsed.data);
  return parsed.data;
}

/** @throws EngineError 'pack-incomplete' when the pack lacks a part that is needed; engines need all */
export function requireParts({ name, parts }: Pick<Manifest, 'name' | 'parts'>, needed: readonly Part[] = PARTS): void {
  const missing = needed.filter((part) => !parts.includes(part));
  if (missing.length === 0) return;
  const values = { pack: name, parts: missing.join(', ') };
  throw new EngineError('pack-incomplete', `pack ${name} has no ${missing.join(', ')} part`, values);
}

/** @throws EngineError 'pack-damaged' when something refers to what is not there, or does not fit */
export function checkReferences(manifest: Manifest): void {
  checkFiles(manifest);
  checkWeights(manifest);
  checkGraphs(manifest);
  const { family, vae, preview, steps, tile, parts } = manifest;
  for (const id of parts.includes('vae') ? [...vae.encode, ...vae.decode] : []) {
    if (!has(manifest.instances, id)) throw damaged(`vae names ${id}, which is not an instance`);
  }
  if (preview.kind === 'linear' && preview.matrix.some((row) => row.length !== family.latentChannels)) {
    throw damaged('preview matrix does not fit the latents');
  }
  if (steps.min > steps.default || steps.default > steps.max) throw damaged('steps are not in order');
  checkAuto(manifest);
  checkRefine(manifest);
  checkOverview(manifest);
  const { anchor, tasks } = manifest;
  const unit = family.factor * family.patch;
  if ([tile.gpu, tile.wasm, tile.overlap].some((side) => side % unit !== 0)) {
    throw damaged(`tile sizes are not multiples of ${unit}`);
  }
  if (anchor && (anchor.side % unit !== 0 || anchor.tasks.some((id) => !tasks.some((task) => task.id === id)))) {
    throw damaged('anchor does not fit the pack');
  }
  if (tile.overlap >= tile.gpu || tile.overlap >= tile.wasm) throw damaged('overlap is not smaller than the tile');
}

/** The graph of an instance; undefined where there is no such instance. */
function graphBehind({ instances, graphs }: Pick<Manifest, 'instances' | 'graphs'>, id: string) {
  const instance = has(instances, id) ? instances[id] : undefined;
  return instance && has(graphs, instance.graph) ? graphs[instance.graph] : undefined;
}

/** The engine feeds this graph by the shapes here, and names tasks that the pack must have. */
function checkAuto({ auto, instances, graphs, tasks, parts }: Manifest): void {
  if (!auto) return;
  for (const id of auto.classes) {
    if (id !== CLEAN && !tasks.some((task) => task.id === id)) throw damaged(`auto names ${id}, which is not a task`);
  }
  if (!parts.includes('text')) return;
  const graph = graphBehind({ instances, graphs }, auto.graph);
  if (!graph) throw damaged(`auto names ${auto.graph}, which is not an instance`);
  const wanted = {
    crops: ['k', 3, auto.crop, auto.crop],
    thumb: [1, 3, auto.thumb, auto.thumb],
    logits: [1, auto.classes.length],
  };
  const ports = [...graph.inputs, ...graph.outputs];
  const fits = ports.every(
    ({ name, dtype, shape }) =>
      dtype === 'float32' && has(wanted, name) && shape.join() === wanted[name as keyof typeof wanted].join(),
  );
  if (!fits || ports.map(({ name }) => name).join() !== Object.keys(wanted).join()) {
    throw damaged('auto does not fit its graph');
  }
}

/** The engine runs these behind the decoder, with what that has and makes. */
function checkRefine({ refine = [], instances, graphs, tasks, parts }: Manifest): void {
  for (const { task, instance: id } of refine) {
    if (!tasks.some((each) => each.id === task)) throw damaged(`refine names ${task}, which is not a task`);
    if (!parts.includes('vae')) continue;
    const graph = graphBehind({ instances, graphs }, id);
    if (!graph) throw damaged(`refine names ${id}, which is not an instance`);
    const ports = [...graph.inputs, ...graph.outputs];
    const plain = ports.every(({ dtype, shape }) => dtype === 'float32' && shape.join() === '1,3,H,W') && !graph.bands;
    if (!plain || ports.map(({ name }) => name).join() !== 'photo,restored,restored') {
      throw damaged(`refine does not fit the graph of ${id}`);
    }
  }
}

/** The engine feeds these by the shape here. They lie with the VAE: a pack without that has none. */
function checkOverview({ overview, anchor, instances, graphs, tasks, parts }: Manifest): void {
  for (const { task, instance: id } of overview?.tasks ?? []) {
    if (!tasks.some((each) => each.id === task)) throw damaged(`overview names ${task}, which is not a task`);
    if (anchor?.tasks.includes(task)) throw damaged(`${task} is held to an anchor and to an overview`);
    if (!parts.includes('vae')) continue;
    const graph = graphBehind({ instances, graphs }, id);
    if (!graph) throw damaged(`overview names ${id}, which is not an instance`);
    const ports = [...graph.inputs, ...graph.outputs];
    const side = overview?.side;
    const plain = ports.every(({ dtype, shape }) => dtype === 'float32' && shape.join() === `1,3,${side},${side}`);
    if (!plain || graph.bands || ports.map(({ name }) => name).join() !== 'thumb,restored') {
      throw damaged(`overview does not fit the graph of ${id}`);
    }
  }
}

function checkFiles(manifest: Manifest): void {
  for (const kind of ['files', 'graphs', 'instances', 'weights'] as const) {
    const count = Object.keys(manifest[kind]).length;
    if (count > MOST[kind]) throw damaged(`manifest with ${count} ${kind}`);
  }
  let total = 0;
  for (const [name, { bytes, sha256, pieces }] of Object.entries(manifest.files)) {
    if (pieces.length !== Math.ceil(bytes / PIECE_BYTES)) throw damaged(`${name} has ${pieces.length} piece hashes`);
    if (pieces.length === 1 && pieces[0] !== sha256) throw damaged(`${name} has two hashes that differ`);
    total += bytes;
  }
  if (total > MAX_PACK_BYTES) throw damaged(`files of ${total} bytes`);
}

/** No byte of a shard belongs to two tensors. */
function checkOverlaps(ranges: { what: string; shard: string; offset: number; bytes: number }[]): void {
  const ends = new Map<string, { what: string; end: number }>();
  for (const { what, shard, offset, bytes } of ranges.sort((a, b) => a.offset - b.offset)) {
    const before = ends.get(shard);
    if (before && before.end > offset) throw damaged(`${what} and ${before.what} overlap in ${shard}`);
    ends.set(shard, { what, end: offset + bytes });
  }
}

function checkRange(manifest: Manifest, what: string, part: { shard: string; offset: number; bytes: number }): void {
  const file = has(manifest.files, part.shard) ? manifest.files[part.shard] : undefined;
  if (!file) throw damaged(`${what} lies in ${part.shard}, which is not a file of the pack`);
  if (part.offset % 16 !== 0) throw damaged(`${what} does not start at a multiple of 16`);
  if (part.offset + part.bytes > file.bytes) throw damaged(`${what} ends after ${part.shard}`);
}

function checkWeights(manifest: Manifest): void {
  checkRanges(manifest);
  const ranges = Object.entries(manifest.weights).map(([what, weight]) => ({ what, ...weight }));
  checkOverlaps([...ranges, ...loosePlaces(manifest)]);
}

/** Places that no instance's weight is at. */
function loosePlaces(manifest: Manifest): ({ what: string } & Place)[] {
  const { conditioning } = manifest.switches;
  if (conditioning.kind !== 'qwen2.5-vl') return [];
  const { states, encoder } = conditioning;
  return [
    ...(states ? [{ what: 'states', ...states }] : []),
    ...(encoder ? [{ what: 'prefix states', ...encoder.prefix.states }] : []),
    ...(encoder?.embedding.pieces ?? []).map((piece, i) => ({ what: `embedding ${i}`, ...piece })),
  ];
}

function checkRanges(manifest: Manifest): void {
  for (const [id, weight] of Object.entries(manifest.weights)) {
    checkRange(manifest, id, weight);
    if (storedBytes(weight) !== weight.bytes) throw damaged(`${id} has ${weight.bytes} bytes for its shape`);
  }
  for (const { what, ...place } of loosePlaces(manifest)) checkRange(manifest, what, place);
  const { conditioning } = manifest.switches;
  if (conditioning.kind !== 'qwen2.5-vl') return;
  const { states, encoder, valid, stateDim } = conditioning;
  if (states && encoder) throw damaged('states are baked, and there is an encoder as well');
  if (Boolean(states ?? encoder) !== manifest.parts.includes('text')) throw damaged('states and parts disagree');
  if (states && valid.length !== manifest.tasks.length + 1) throw damaged('states do not fit the tasks');
  if (encoder) checkEncoder(manifest, encoder, stateDim);
}

function checkEncoder(manifest: Manifest, encoder: EncoderSpec, width: number): void {
  const { vision, language, image, prefix, embedding, prompts, tokenizer } = encoder;
  for (const id of encoderInstances(encoder)) {
    if (!has(manifest.instances, id)) throw damaged(`the encoder needs ${id}, which is not an instance`);
  }
  const half = language.sections.reduce((sum, each) => sum + each, 0);
  if (width !== 2 * half * language.heads) throw damaged('heads and sections of the language model disagree');
  if (vision.hidden % vision.heads !== 0 || (vision.hidden / vision.heads) % 4 !== 0) {
    throw damaged('the vision tower has no whole heads');
  }
  if (image.minPixels > image.maxPixels) throw damaged('pixels of the image are not in order');
  // Attention over the whole image is one call: its logits are patches² · heads floats.
  const patches = image.maxPixels / vision.patch ** 2;
  if (patches > 4096) throw damaged(`an image of ${patches} patches`);
  if (prefix.kept > prefix.tokens) throw damaged('more states of the prefix are kept than it has tokens');
  const unit = prefix.states.bytes / (prefix.kept * width);
  if (unit !== 2 && unit !== 4) throw damaged('the size of the prefix states is wrong');
  const row = width * unit;
  let rows = 0;
  for (const { bytes } of embedding.pieces) {
    if (bytes % row !== 0) throw damaged('a piece of the embedding has no whole rows');
    rows += bytes / row;
  }
  if (embedding.ids !== null && embedding.ids.length !== rows) throw damaged('rows and ids of the embedding disagree');
  const known = new Set(embedding.ids ?? []);
  const used = [encoder.closeImage, encoder.closePrompt];
  for (const { id } of manifest.tasks) {
    const prompt = has(prompts, id) ? prompts[id] : undefined;
    if (!prompt) throw damaged(`the encoder has no prompt for ${id}`);
    used.push(prompt.en, prompt.zh);
  }
  for (const id of used.flat()) {
    const there = embedding.ids === null ? id < rows : known.has(id);
    if (!there) throw damaged(`the embedding has no row for token ${id}`);
  }
  if (tokenizer !== null && (embedding.ids !== null || !has(manifest.files, tokenizer))) {
    throw damaged('a tokenizer that can not be used');
  }
}

function checkGraphs(manifest: Manifest): void {
  for (const [id, graph] of Object.entries(manifest.graphs)) {
    for (const { file } of graph.variants) {
      if (!has(manifest.files, file)) throw damaged(`graph ${id} names ${file}, which is not a file of the pack`);
    }
    const names = [...graph.inputs, ...graph.weights].map((port) => port.name);
    if (new Set(names).size !== names.length) throw damaged(`graph ${id} names an input twice`);
    checkBands(id, graph);
  }
  for (const [id, instance] of Object.entries(manifest.instances)) {
    const graph = has(manifest.graphs, instance.graph) ? manifest.graphs[instance.graph] : undefined;
    if (!graph) throw damaged(`instance ${id} names graph ${instance.graph}, which is not there`);
    if (Object.keys(instance.weights).length !== graph.weights.length) {
      throw damaged(`instance ${id} has not the weights of graph ${instance.graph}`);
    }
    for (const port of graph.weights) {
      const weightId = has(instance.weights, port.name) ? instance.weights[port.name] : undefined;
      const weight = weightId !== undefined && has(manifest.weights, weightId) ? manifest.weights[weightId] : undefined;
      if (!weight) throw damaged(`instance ${id} has no weight for ${port.name}`);
      if (weight.shape.length !== port.shape.length || port.shape.some((side, axis) => side !== weight.shape[axis])) {
        throw damaged(`weight ${weightId} is [${weight.shape}], ${instance.graph}.${port.name} wants [${port.shape}]`);
      }
      const quantised = weight.stored === 'q4' || weight.stored === 'q8';
      if (quantised !== (port.dtype === 'uint8') || port.dtype === 'int32') {
        throw damaged(`weight ${weightId} stored as ${weight.stored} can't be fed as ${port.dtype}`);
      }
    }
  }
}

const has = (record: object, key: string) => Object.hasOwn(record, key);
const damaged = (detail: string) => new EngineError('pack-damaged', detail);
