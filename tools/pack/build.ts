/** Builds a pack folder from a checkpoint folder. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, manifestSchema, PARTS, type Part } from '../../workers/packs/manifest.ts';
import type { Provider } from '../backend-node/ort.ts';
import { type Baked, bakeStates } from './bake.ts';
import { type Bundle, noTokenizer, type Overrides, openBundle, tokenizerIn } from './bundle.ts';
import { type Converted, convert, INLINE_ELEMENTS } from './convert.ts';
import { type Bits, type Formats, formatsFor, type Keep8 } from './emitter.ts';
import { explain } from './failures.ts';
import { type FileSpec, fileSpec } from './files.ts';
import { COMPUTED_FILES, finishManifest } from './finish.ts';
import { type EmittedGraph, emitGraphs } from './graphs.ts';
import { type Job, planJobs } from './jobs.ts';
import { instancesIn, type Layout, layOut, type Wanted, wantedWeights } from './layout.ts';
import { checkRoom, inspect, LICENCE_FILE, MANIFEST_FILE } from './out-folder.ts';
import { type PromptKind, planFor } from './plan.ts';
import type { Plan } from './plan-parts.ts';
import { isUnusedText } from './plan-qwen.ts';
import { defaultThreads } from './pool.ts';
import { checkTensors } from './weights.ts';

export interface PackOptions {
  readonly checkpoint: string;
  readonly out: string;
  readonly bits: Bits;
  /** Matrices that stay at 8 bits in a 4-bit pack. */
  readonly keep8?: readonly Keep8[];
  /** Parts of the pack; what the checkpoint has where absent. */
  readonly include?: readonly Part[];
  readonly overrides?: Overrides;
  /** With `any` the pack takes prompts of people's own as well: 1.1 GB more. */
  readonly prompts?: PromptKind;
  /**
   * What runs the language model while building (the constant text, baked states). `wasm` where absent, which gives the same
   * bytes on every machine; `cpu` is onnxruntime-node, several times faster.
   */
  readonly provider?: Provider;
  /** Without the text part, but with its weights at hand: bake states of a neutral image. Default true. */
  readonly bake?: boolean;
  readonly name: string;
  readonly version: string;
  readonly title: string;
  readonly licence: string;
  readonly source: string;
  /** Text of LICENSE.txt. */
  readonly licenceText: string;
  readonly shardBytes: number;
  readonly threads?: number;
}

/** Goes into every fingerprint: builds of another version of the builder are not gone on with. */
const BUILDER = 1;

/** Everything about a build that is known before a weight is read. */
export interface Prepared {
  readonly plan: Plan;
  readonly parts: readonly Part[];
  readonly formats: Formats;
  readonly graphs: ReadonlyMap<string, EmittedGraph>;
  readonly wanted: readonly Wanted[];
  readonly layout: Layout;
  readonly jobs: readonly Job[];
}

/**
 * Plans a build.
 *
 * @throws Error when a part was asked for that the checkpoint lacks, or with the complete list of missing, unknown and
 *   mis-shaped tensors
 */
export function prepare(bundle: Pick<Bundle, 'config' | 'source' | 'has'>, options: PackOptions): Prepared {
  const { config, source, has } = bundle;
  const parts = options.include ?? has;
  checkParts(parts, has, options.checkpoint);
  const plan = planFor(config, options.prompts);
  if (options.prompts === 'any' && (plan.encoder === null || !parts.includes('text'))) {
    throw new Error('--prompts any needs the text part: its weights have to be in the folder, and in --include.');
  }
  if (options.prompts === 'any' && tokenizerIn(options.checkpoint) === null) {
    throw new Error(noTokenizer(options.checkpoint));
  }
  const formats = formatsFor(options.bits, config.family, options.keep8 ?? []);
  const emitted = emitGraphs(plan, formats);
  const wanted = wantedWeights(plan, emitted, parts, formats.plain);
  const names = new Set(instancesIn(plan, parts).map(({ graph }) => graph));
  const graphs = new Map([...emitted].filter(([name]) => names.has(name)));
  const left = new Set(wantedWeights(plan, emitted, PARTS).map(({ tensor }) => tensor));
  // A version that was asked for against the tensors leaves this one over.
  if (config.family === 'step1x-edit' && config.transformer.version === 'v1.1') left.add('connector.scale_factor');
  const ignored = (name: string) => plan.ignored.includes(name) || left.has(name) || isUnusedText(name);
  checkTensors(
    source,
    wanted.map(({ tensor, recipe }) => ({ tensor, full: recipe.source.full })),
    ignored,
  );
  const layout = layOut(wanted, options.shardBytes);
  return { plan, parts, formats, graphs, wanted, layout, jobs: planJobs(source, wanted, layout) };
}

function checkParts(parts: readonly Part[], has: readonly Part[], folder: string): void {
  if (parts.includes('text') && !has.includes('text')) {
    throw new Error(
      `${folder} has no text_encoder/ folder with the language model. Fetch it too, or leave text out of --include.`,
    );
  }
  const missing = parts.filter((part) => !has.includes(part));
  if (missing.length > 0) throw new Error(`${folder} has no tensors for ${missing.join(' and ')}.`);
  if (parts.length === 0) throw new Error(`${folder} holds no tensors that a pack could be made of.`);
}

/** What a build did, for reports. */
export interface Built extends Pick<Converted, 'jobs' | 'seconds'> {
  readonly manifest: Manifest;
}

/**
 * Writes `manifest.json`, graphs, shards and LICENSE.txt. The same inputs always give the same bytes. A build that was
 * interrupted goes on; the manifest comes last, so that an unfinished folder is never taken for a pack.
 *
 * @param log called with a line of progress
 * @returns the manifest, as written
 * @throws Error that says what is wrong with the checkpoint or the disk, and what to do
 */
export async function buildPack(options: PackOptions, log: (line: string) => void = () => {}): Promise<Manifest> {
  const bundle = await openBundle(options.checkpoint, options.overrides);
  try {
    for (const note of bundle.notes) log(note);
    return (await buildFrom(bundle, options, log)).manifest;
  } finally {
    await bundle.source.close();
  }
}

/** `buildPack` from a checkpoint that is open, or that is nowhere (`VirtualCheckpoint`). */
export async function buildFrom(
  bundle: Pick<Bundle, 'config' | 'source' | 'has'>,
  options: PackOptions,
  log: (line: string) => void = () => {},
): Promise<Built> {
  const { out } = options;
  const prepared = prepare(bundle, options);
  const { layout, graphs, jobs } = prepared;
  const folder = inspect(out);
  const graphFiles = new Map([...graphs.values()].flatMap(({ files }) => [...files]));
  const bytes = [...layout.shards.values(), ...[...graphFiles.values()].map((file) => file.length)];
  checkRoom(
    out,
    bytes.reduce((a, b) => a + b, 0),
    folder.files,
  );
  const baked = await bakedFor(bundle, options, prepared, log);
  try {
    await mkdir(out, { recursive: true });
    const identity = [
      BUILDER,
      { ...options, threads: 0, out: '', checkpoint: '', provider: undefined },
      bundle.config,
      bundle.source.identity(),
      [...layout.places],
    ];
    const otherFiles = [...graphFiles.keys(), ...COMPUTED_FILES, LICENCE_FILE];
    const threads = options.threads ?? defaultThreads();
    const work = { out, jobs, shards: layout.shards, otherFiles, identity, threads, smallest: INLINE_ELEMENTS };
    const converted = await convert(work, folder, log);
    const files: Record<string, FileSpec> = {};
    for (const [name, data] of graphFiles) {
      await writeFile(join(out, name), data);
      files[name] = fileSpec(data);
    }
    Object.assign(files, converted.files);
    await writeFile(join(out, LICENCE_FILE), options.licenceText);
    log('everything is as it was written');
    const manifest = await finishManifest(prepared, bundle.source, options, files, baked, log);
    // On one line: it is downloaded with every pack, and spaces would be a third of it.
    const text = `${JSON.stringify(manifest)}\n`;
    await writeFile(join(out, `${MANIFEST_FILE}.part`), text);
    await rename(join(out, `${MANIFEST_FILE}.part`), join(out, MANIFEST_FILE));
    converted.journal.remove();
    const total = Object.values(files).reduce((sum, file) => sum + file.bytes, 0);
    log(`${prepared.wanted.length} weights, ${(total / 1e6).toFixed(1)} MB in ${Object.keys(files).length} files`);
    return { manifest, jobs: converted.jobs, seconds: converted.seconds };
  } catch (error) {
    throw explain(error, out);
  }
}

/**
 * States of a neutral image, where a pack for running has no text part but the checkpoint has the weights for one. The
 * language model is converted into a folder beside the pack, which is gone afterwards.
 */
async function bakedFor(
  bundle: Pick<Bundle, 'config' | 'source' | 'has'>,
  options: PackOptions,
  { plan, parts, formats }: Prepared,
  log: (line: string) => void,
): Promise<Baked | null> {
  const runs = parts.includes('dit') && parts.includes('vae');
  if (plan.encoder === null || parts.includes('text') || !runs || options.bake === false) return null;
  const folder = `${options.out}-text`;
  log(
    `without the text part: converting the language model into ${folder} for a moment, to bake states of a neutral image`,
  );
  const text = { ...options, out: folder, include: ['text'] as const, prompts: 'tasks' as const };
  const { manifest } = await buildFrom(bundle, text, log);
  return bakeStates(folder, manifest, formats.plain, options.provider ?? 'wasm', log);
}

/** The manifest of a pack folder on disk, checked. */
export async function readManifest(folder: string): Promise<Manifest> {
  return manifestSchema.parse(JSON.parse(await readFile(join(folder, MANIFEST_FILE), 'utf8')));
}
