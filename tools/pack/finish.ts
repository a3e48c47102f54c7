/** What a build still has to find out once the shards are there: the prefix's keys and values, the preview map, the manifest. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Manifest, manifestSchema, PARTS } from '../../workers/packs/manifest.ts';
import { BAKED_SHARD, type Baked } from './bake.ts';
import type { PackOptions, Prepared } from './build.ts';
import { noTokenizer, TOKENIZER_FILE, tokenizerIn } from './bundle.ts';
import { type FileSpec, writeWhole } from './files.ts';
import type { EmittedGraph } from './graphs.ts';
import { embeddingPieces, type Layout, STATES_ID, weightsOf } from './layout.ts';
import type { Plan } from './plan-parts.ts';
import { PREFIX_GRAPH_FILE, PREFIX_SHARD, type Prefix, runPrefix } from './prefix-run.ts';
import { fitPreview, trainedPreview } from './preview.ts';
import type { TensorSource } from './source.ts';

/** Files of a build that no job writes; also those that are deleted again. */
export const COMPUTED_FILES = [PREFIX_SHARD, PREFIX_GRAPH_FILE, BAKED_SHARD, TOKENIZER_FILE];

/** @param files of the pack so far; what is computed here is added */
export async function finishManifest(
  prepared: Prepared,
  checkpoint: TensorSource,
  options: PackOptions,
  files: Record<string, FileSpec>,
  baked: Baked | null,
  log: (line: string) => void,
): Promise<Manifest> {
  const { plan, parts, graphs, wanted, layout } = prepared;
  const { name, version, title, licence, source } = options;
  const rough: Manifest = {
    format: 1,
    parts: [...parts],
    name,
    version,
    title,
    licence,
    source,
    ...headOf(plan, layout),
    preview: { kind: plan.preview, matrix: [[], [], []], bias: [0, 0, 0] },
    graphs: Object.fromEntries([...graphs].map(([id, { spec }]) => [id, spec])),
    instances: instancesOf(plan, graphs),
    weights: weightsOf(wanted, layout),
    files,
  };
  if (plan.encoder !== null && parts.includes('text')) {
    const prefix = await runPrefix(options.out, rough, prepared, checkpoint, options.provider ?? 'wasm', log);
    const tokenizer = options.prompts === 'any' ? await addTokenizer(options, files) : null;
    addEncoder(rough, plan, layout, prefix, tokenizer);
  }
  if (baked !== null) await addBaked(rough, options.out, baked);
  log('preview map and manifest');
  const channels = rough.family.latentChannels;
  const trained = existsSync(options.checkpoint) ? await trainedPreview(options.checkpoint, channels) : null;
  const blank = { matrix: Array.from({ length: 3 }, () => Array<number>(channels).fill(0)), bias: [0, 0, 0] };
  const map = trained ?? (parts.includes('vae') ? await fitPreview(options.out, rough) : blank);
  return manifestSchema.parse({ ...rough, preview: { kind: plan.preview, ...map } });
}

/** Completes the manifest of a pack that reads photos itself. */
function addEncoder(
  manifest: Manifest,
  { encoder }: Plan,
  layout: Layout,
  prefix: Prefix,
  tokenizer: string | null,
): void {
  const { conditioning } = manifest.switches;
  if (encoder === null || conditioning.kind !== 'qwen2.5-vl') return;
  manifest.files[PREFIX_SHARD] = prefix.file;
  Object.assign(manifest.weights, prefix.weights);
  manifest.switches = {
    ...manifest.switches,
    conditioning: {
      ...conditioning,
      encoder: {
        ...encoder.head,
        prefix: { tokens: prefix.tokens, kept: prefix.kept, states: prefix.states },
        embedding: { ids: encoder.ids === null ? null : [...encoder.ids], pieces: embeddingPieces(layout) },
        tokenizer,
      },
    },
  };
}

/** Completes the manifest of a pack whose language model saw another image. */
async function addBaked(manifest: Manifest, out: string, { data, valid }: Baked): Promise<void> {
  const { conditioning } = manifest.switches;
  if (conditioning.kind !== 'qwen2.5-vl') return;
  manifest.files[BAKED_SHARD] = await writeWhole(out, BAKED_SHARD, data);
  manifest.parts = PARTS.filter((part) => part === 'text' || manifest.parts.includes(part));
  const states = { shard: BAKED_SHARD, offset: 0, bytes: data.length };
  manifest.switches = { ...manifest.switches, conditioning: { ...conditioning, states, valid: [...valid] } };
}

async function addTokenizer({ checkpoint, out }: PackOptions, files: Record<string, FileSpec>): Promise<string> {
  const path = tokenizerIn(checkpoint);
  if (path === null) throw new Error(noTokenizer(checkpoint));
  files[TOKENIZER_FILE] = await writeWhole(out, TOKENIZER_FILE, await readFile(path));
  return TOKENIZER_FILE;
}

/** The manifest's head, with the place of the baked states where the pack has them. */
function headOf(plan: Plan, layout: Layout): Plan['head'] {
  const { conditioning } = plan.head.switches;
  const states = layout.places.get(STATES_ID);
  if (conditioning.kind !== 'qwen2.5-vl' || states === undefined) return plan.head;
  return {
    ...plan.head,
    switches: { ...plan.head.switches, conditioning: { ...conditioning, states: { ...states } } },
  };
}

function instancesOf(plan: Plan, graphs: ReadonlyMap<string, EmittedGraph>): Manifest['instances'] {
  return Object.fromEntries(
    plan.instances.flatMap(({ id, graph }) => {
      const emitted = graphs.get(graph);
      if (emitted === undefined) return [];
      const ports = [...emitted.recipes.keys()];
      return [[id, { graph, weights: Object.fromEntries(ports.map((port) => [port, `${id}.${port}`])) }]];
    }),
  );
}
