/**
 * A pack with nothing but the Flux autoencoder, with drawn weights: for measurements at true width, where the whole pack
 * would be gigabytes. The graphs are the pack builder's, for 4 bits.
 */
import { mkdir } from 'node:fs/promises';
import { narrowToHalves } from '../../workers/packs/half.ts';
import type { Manifest } from '../../workers/packs/manifest.ts';
import type { Step1xConfig } from '../pack/config.ts';
import { formatsFor, type Recipe } from '../pack/emitter.ts';
import { writeWhole } from '../pack/files.ts';
import { emitGraphs } from '../pack/graphs.ts';
import { step1xPlan } from '../pack/plan-step1x.ts';
import { bytesOf, partManifest } from './block-pack.ts';
import { draw } from './draw.ts';

/** The bytes of a weight, stored f16 or f32. */
function made(tensor: string, { stored, source }: Recipe): Uint8Array {
  const { full, rows, transpose } = source;
  const [height = 1] = full;
  const width = full.slice(1).reduce((all, side) => all * side, 1);
  const [start, count] = rows ?? [0, height];
  const drawn = draw(tensor, full, start * width, count * width);
  const values = new Float32Array(drawn.length);
  if (transpose !== true) values.set(drawn);
  else for (let i = 0; i < drawn.length; i++) values[(i % width) * count + Math.floor(i / width)] = drawn[i] ?? 0;
  if (stored === 'f32') return bytesOf(values);
  if (stored !== 'f16') throw new Error(`${tensor}: the autoencoder has no weights stored as ${stored}`);
  const halves = new Uint16Array(values.length);
  narrowToHalves(values, halves);
  return bytesOf(halves);
}

/** Writes the pack to `out`, without a manifest file, and gives its manifest. */
export async function makeVaePack(out: string, config: Step1xConfig): Promise<Manifest> {
  await mkdir(out, { recursive: true });
  const plan = step1xPlan(config);
  const { graphs: plans, instances: all, head } = plan;
  const chains = new Set([...head.vae.encode, ...head.vae.decode]);
  const wanted = all.filter(({ id }) => chains.has(id));
  const names = new Set(wanted.map(({ graph }) => graph));
  const kept = new Map([...plans].filter(([name]) => names.has(name)));
  const graphs = emitGraphs({ graphs: kept }, formatsFor(4, config.family));
  const files: Manifest['files'] = {};
  const instances: Manifest['instances'] = {};
  const weights: Manifest['weights'] = {};
  for (const { files: emitted } of graphs.values()) {
    for (const [name, bytes] of emitted) files[name] = await writeWhole(out, name, bytes);
  }
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const { id, graph, prefix } of wanted) {
    const recipes = graphs.get(graph)?.recipes ?? new Map<string, Recipe>();
    instances[id] = { graph, weights: Object.fromEntries([...recipes.keys()].map((port) => [port, `${id}.${port}`])) };
    for (const [port, recipe] of recipes) {
      const data = made(prefix + recipe.source.tensor, recipe);
      const place = { shard: 'vae-0.bin', offset, bytes: data.length };
      weights[`${id}.${port}`] = { ...place, stored: recipe.stored, shape: [...recipe.shape] };
      const padding = new Uint8Array(-data.length & 15);
      parts.push(data, padding);
      offset += data.length + padding.length;
    }
  }
  files['vae-0.bin'] = await writeWhole(out, 'vae-0.bin', Buffer.concat(parts));
  return partManifest(plan, 'vae', graphs, { instances, weights, files });
}
