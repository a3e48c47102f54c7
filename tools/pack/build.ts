/** Builds a pack folder from a checkpoint folder. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, manifestSchema } from '../../workers/packs/manifest.ts';
import { readConfig } from './config.ts';
import { formatsFor } from './emitter.ts';
import { type FileSpec, ShardWriter, writeWhole } from './files.ts';
import { type EmittedGraph, emitGraphs } from './graphs.ts';
import { planFor } from './plan.ts';
import type { Plan } from './plan-parts.ts';
import { fitPreview, PREVIEW_FILE, trainedPreview } from './preview.ts';
import { Checkpoint } from './safetensors.ts';
import { checkTensors, halves, type Wanted, WeightMaker } from './weights.ts';

export interface PackOptions {
  readonly checkpoint: string;
  readonly out: string;
  readonly bits: 4 | 8 | 16 | 32;
  readonly name: string;
  readonly version: string;
  readonly title: string;
  readonly licence: string;
  readonly source: string;
  /** Text of LICENSE.txt. */
  readonly licenceText: string;
  readonly shardBytes: number;
}

/** Prefixes that wrappers put before the tensor names (realrestorer.md B.2). */
const PREFIX = /^(inner_model|module|model)\./;

function foldersOf(checkpoint: string): string[] {
  const parts = ['transformer', 'vae', 'conditioning'].map((name) => join(checkpoint, name));
  return [checkpoint, ...parts.filter((path) => existsSync(path))];
}

function wantedWeights(plan: Plan, graphs: ReadonlyMap<string, EmittedGraph>): Wanted[] {
  return plan.instances.flatMap(({ id, graph, prefix }) => {
    const recipes = graphs.get(graph)?.recipes;
    if (recipes === undefined) throw new Error(`instance ${id} of an unknown graph ${graph}`);
    return [...recipes].map(([port, recipe]) => ({
      id: `${id}.${port}`,
      recipe,
      tensor: prefix + recipe.source.tensor,
    }));
  });
}

/**
 * Writes `manifest.json`, graphs, shards and LICENSE.txt. The same inputs always give the same bytes.
 *
 * @param log called with a line of progress
 * @returns the manifest, as written
 * @throws Error with the complete list of missing, unknown and mis-shaped tensors, or for a config that isn't understood
 */
export async function buildPack(options: PackOptions, log: (line: string) => void = () => {}): Promise<Manifest> {
  const { checkpoint: folder, out } = options;
  const config = await readConfig(folder);
  const plan = planFor(config);
  const graphs = emitGraphs(plan, formatsFor(options.bits, config.family));
  const wanted = wantedWeights(plan, graphs);
  const checkpoint = await Checkpoint.open(
    foldersOf(folder),
    (name) => name.replace(PREFIX, ''),
    (file) => file !== PREVIEW_FILE,
  );
  try {
    const needed = wanted.map(({ tensor, recipe }) => ({ tensor, full: recipe.source.full }));
    checkTensors(checkpoint, plan.states === null ? needed : [...needed, plan.states], plan.ignored);
    await rm(out, { recursive: true, force: true });
    await mkdir(out, { recursive: true });
    const files: Record<string, FileSpec> = {};
    for (const { files: emitted } of graphs.values()) {
      for (const [name, bytes] of emitted) files[name] = await writeWhole(out, name, bytes);
    }
    log(`${Object.keys(files).length} graph files`);

    const shards = new ShardWriter(out, options.shardBytes);
    const head = await withStates(plan, checkpoint, shards);
    const weights: Manifest['weights'] = {};
    const maker = new WeightMaker(checkpoint);
    for (const [at, item] of wanted.entries()) {
      const place = await shards.append(await maker.make(item), item.id);
      weights[item.id] = { ...place, stored: item.recipe.stored, shape: [...item.recipe.shape] };
      if (at % 200 === 199) log(`${at + 1} of ${wanted.length} weights`);
    }
    await shards.close();
    Object.assign(files, shards.files);
    await writeWhole(out, 'LICENSE.txt', new TextEncoder().encode(options.licenceText));

    const { name, version, title, licence, source } = options;
    const rough: Manifest = {
      format: 1,
      parts: ['dit', 'vae', 'text'],
      name,
      version,
      title,
      licence,
      source,
      ...head,
      preview: { kind: plan.preview, matrix: [[], [], []], bias: [0, 0, 0] },
      graphs: Object.fromEntries([...graphs].map(([id, { spec }]) => [id, spec])),
      instances: instancesOf(plan, graphs),
      weights,
      files,
    };
    const map = (await trainedPreview(folder, head.family.latentChannels)) ?? (await fitPreview(out, rough));
    const manifest = manifestSchema.parse({
      ...rough,
      preview: { kind: plan.preview, ...map },
    });
    const text = `${JSON.stringify(manifest, null, 1)}\n`;
    await writeWhole(out, 'manifest.json', new TextEncoder().encode(text));
    const total = Object.values(manifest.files).reduce((sum, file) => sum + file.bytes, 0);
    log(`${wanted.length} weights, ${(total / 1e6).toFixed(1)} MB in ${Object.keys(files).length} files`);
    return manifest;
  } finally {
    await checkpoint.close();
  }
}

/** Writes the baked states, where the family has them, as fp16 `[tasks + 1, tokens, stateDim]`. */
async function withStates(plan: Plan, checkpoint: Checkpoint, shards: ShardWriter): Promise<Plan['head']> {
  const { conditioning } = plan.head.switches;
  if (plan.states === null || conditioning.kind !== 'qwen2.5-vl') return plan.head;
  const values = await checkpoint.read(plan.states.tensor);
  const states = await shards.append(halves(values, plan.states.tensor), plan.states.tensor);
  return {
    ...plan.head,
    switches: { ...plan.head.switches, conditioning: { ...conditioning, states: { ...states } } },
  };
}

function instancesOf(plan: Plan, graphs: ReadonlyMap<string, EmittedGraph>): Manifest['instances'] {
  return Object.fromEntries(
    plan.instances.map(({ id, graph }) => {
      const ports = [...(graphs.get(graph)?.recipes.keys() ?? [])];
      return [id, { graph, weights: Object.fromEntries(ports.map((port) => [port, `${id}.${port}`])) }];
    }),
  );
}

/** The manifest of a pack folder on disk, checked. */
export async function readManifest(folder: string): Promise<Manifest> {
  return manifestSchema.parse(JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')));
}
