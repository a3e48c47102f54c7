/**
 * A pack with nothing but transformer blocks: `double.0`, `single.0` and `last.0`, the same weights in a `last` graph. At
 * RealRestorer's width a whole pack would be gigabytes; three blocks are 200 MB. The graphs are the pack builder's, for 4
 * bits. The weights are drawn on the 4-bit grid and written as they are: that the quantiser finds them is tested in
 * draw.test.ts, and at this size it would take minutes.
 */
import { mkdir } from 'node:fs/promises';
import { narrowToHalves, numberToHalf } from '../../workers/packs/half.ts';
import type { Manifest, Part } from '../../workers/packs/manifest.ts';
import { storedBytes } from '../../workers/packs/weights.ts';
import type { Step1xConfig } from '../pack/config.ts';
import { formatsFor, type Recipe } from '../pack/emitter.ts';
import { writeWhole } from '../pack/files.ts';
import { type EmittedGraph, emitGraphs } from '../pack/graphs.ts';
import { ditDims, type InstancePlan, type Plan, transformerParts } from '../pack/plan-parts.ts';
import { encoderParts } from '../pack/plan-qwen.ts';
import { step1xPlan } from '../pack/plan-step1x.ts';
import { BLOCK } from '../pack/quantise.ts';
import { QWEN_7B } from '../pack/qwen-7b.ts';
import { FULL_CONFIG } from '../pack/virtual-config.ts';
import { draw, drawOnGrid } from './draw.ts';

/** RealRestorer with one double and two single blocks, a short text, and one block of each part of its text encoder. */
export const TRUE_WIDTH: Step1xConfig = {
  ...FULL_CONFIG,
  transformer: { ...FULL_CONFIG.transformer, depth: 1, depth_single_blocks: 2 },
  conditioning: { tasks: ['noise'], tokens: 7, valid: [] },
  text_encoder: {
    ...QWEN_7B,
    vision: { ...QWEN_7B.vision, depth: 1 },
    language: { ...QWEN_7B.language, depth: 1 },
  },
};

const TEXT_INSTANCES: readonly InstancePlan[] = [
  { id: 'vision.0', graph: 'vision.block', prefix: 'text.visual.blocks.0.' },
  { id: 'text.0', graph: 'text.layer', prefix: 'text.layers.0.' },
];

const INSTANCES: readonly InstancePlan[] = [
  { id: 'double.0', graph: 'double', prefix: 'double_blocks.0.' },
  { id: 'single.0', graph: 'single', prefix: 'single_blocks.0.' },
  { id: 'last.0', graph: 'last', prefix: 'single_blocks.0.' },
];

export const bytesOf = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** The 4-bit blocks of values that `drawOnGrid` drew: their first value is -8 scales. */
function packGrid(values: Float32Array): { b: Uint8Array; scales: Uint16Array } {
  // As in `drawOnGrid`: no imported name inside.
  const step: number = BLOCK;
  const b = new Uint8Array(values.length / 2);
  const scales = new Uint16Array(values.length / step);
  for (let block = 0; block < scales.length; block++) {
    const start = block * step;
    const scale = (values[start] ?? 0) / -8;
    scales[block] = numberToHalf(scale);
    for (let i = start; i < start + step; i += 2) {
      b[i / 2] = ((values[i] ?? 0) / scale + 8) | (((values[i + 1] ?? 0) / scale + 8) << 4);
    }
  }
  return { b, scales };
}

/** Rows and columns that a recipe takes of its tensor. */
function part(tensor: string, { full, rows, columns, padTo }: Recipe['source']): Float32Array {
  const [height = 1, width = 1] = full;
  const [start, count] = rows ?? [0, height];
  if (padTo !== undefined) {
    // Drawn as wide as it is stored, so that it lies on the grid, and then cut: zeros behind every row.
    const wide = drawOnGrid(tensor, [height, padTo], start * padTo, count * padTo);
    for (let y = 0; y < count; y++) wide.fill(0, y * padTo + width, (y + 1) * padTo);
    return wide;
  }
  const values = drawOnGrid(tensor, full, start * width, count * width);
  if (columns === undefined) return values;
  const out = new Float32Array(count * columns[1]);
  for (let y = 0; y < count; y++) {
    const at = y * width + columns[0];
    out.set(values.subarray(at, at + columns[1]), y * columns[1]);
  }
  return out;
}

function halves(values: Float32Array): Uint8Array {
  const out = new Uint16Array(values.length);
  narrowToHalves(values, out);
  return bytesOf(out);
}

/** The weights of an instance, one after the other at multiples of 16 bytes. */
function shardOf(prefix: string, recipes: ReadonlyMap<string, Recipe>) {
  const parts: Uint8Array[] = [];
  const places: Record<string, { offset: number; bytes: number }> = {};
  let bytes = 0;
  let knownKey = '';
  let known = packGrid(new Float32Array());
  for (const [port, recipe] of recipes) {
    const { source, blocks, stored, computed } = recipe;
    const tensor = prefix + source.tensor;
    let data: Uint8Array;
    if (computed) data = halves(draw(`input.${port}`, recipe.shape));
    else if (blocks === undefined) {
      if (stored !== 'f32') throw new Error(`${tensor}: blocks hold no weights stored as ${stored}`);
      data = bytesOf(part(tensor, source));
    } else {
      const key = JSON.stringify([tensor, source]);
      if (knownKey !== key) known = packGrid(part(tensor, source));
      knownKey = key;
      data = bytesOf(known[blocks.part]);
    }
    // Rows that only the stored matrix has are zeros.
    const missing = storedBytes(recipe) - data.length;
    if (missing > 0) data = Buffer.concat([data, new Uint8Array(missing)]);
    places[port] = { offset: bytes, bytes: data.length };
    const padding = new Uint8Array(-data.length & 15);
    parts.push(data, padding);
    bytes += data.length + padding.length;
  }
  return { data: Buffer.concat(parts), places };
}

/** The manifest of a pack of random numbers with one part only. */
export function partManifest(
  { head, preview }: Pick<Plan, 'head' | 'preview'>,
  part: Part,
  graphs: ReadonlyMap<string, EmittedGraph>,
  made: Pick<Manifest, 'instances' | 'weights' | 'files'>,
): Manifest {
  const channels = head.family.latentChannels;
  return {
    format: 1,
    name: part,
    version: '1',
    title: `Random weights, ${part} only`,
    licence: 'Apache-2.0',
    source: 'Random numbers drawn by tools/conformance; for tests only.',
    ...head,
    parts: [part],
    preview: { kind: preview, matrix: [0, 1, 2].map(() => Array<number>(channels).fill(0)), bias: [0, 0, 0] },
    graphs: Object.fromEntries([...graphs].map(([name, { spec }]) => [name, spec])),
    ...made,
  };
}

/** Writes the pack to `out` and gives its manifest. */
export async function makeBlockPack(out: string, config: Step1xConfig): Promise<Manifest> {
  await mkdir(out, { recursive: true });
  const plan = step1xPlan(config);
  const all = config.text_encoder ? [...INSTANCES, ...TEXT_INSTANCES] : INSTANCES;
  const plans = [
    ...transformerParts(config, ditDims(config)).graphs,
    ...(config.text_encoder ? encoderParts(config.text_encoder).graphs : []),
  ];
  const wanted = plans.filter(([name]) => all.some(({ graph }) => graph === name));
  const graphs = emitGraphs({ graphs: new Map(wanted) }, formatsFor(4, config.family));
  const files: Manifest['files'] = {};
  const instances: Manifest['instances'] = {};
  const weights: Manifest['weights'] = {};
  for (const { id, graph, prefix } of all) {
    const emitted = graphs.get(graph);
    if (emitted === undefined) throw new Error(`no graph ${graph}`);
    for (const [name, bytes] of emitted.files) files[name] = await writeWhole(out, name, bytes);
    const ports = [...emitted.recipes.keys()];
    instances[id] = { graph, weights: Object.fromEntries(ports.map((port) => [port, `${prefix}${port}`])) };
    if (ports.every((port) => Object.hasOwn(weights, `${prefix}${port}`))) continue;
    const shard = `${graph}-0.bin`;
    const { data, places } = shardOf(prefix, emitted.recipes);
    files[shard] = await writeWhole(out, shard, data);
    for (const [port, recipe] of emitted.recipes) {
      const place = places[port];
      if (place === undefined) throw new Error(`no place for ${port}`);
      weights[`${prefix}${port}`] = { shard, ...place, stored: recipe.stored, shape: [...recipe.shape] };
    }
  }
  const { conditioning } = plan.head.switches;
  if (conditioning.kind !== 'qwen2.5-vl') throw new Error(`blocks with conditioning ${conditioning.kind}`);
  const manifest: Manifest = {
    ...partManifest(plan, 'dit', graphs, { instances, weights, files }),
    switches: { ...plan.head.switches, conditioning: { ...conditioning, states: null, valid: [] } },
  };
  await writeWhole(out, 'manifest.json', new TextEncoder().encode(`${JSON.stringify(manifest, null, 1)}\n`));
  await writeWhole(out, 'LICENSE.txt', new TextEncoder().encode('Random numbers, made for tests. Apache-2.0.\n'));
  return manifest;
}
