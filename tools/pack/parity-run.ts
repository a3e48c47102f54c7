/** One call of every graph of a pack, on the inputs that fixtures/reference.py and fixtures/step1x.py draw. */
import type { AutoSpec, Mode } from '../../workers/packs/manifest.ts';
import { connectorMask, connectorMean } from '../../workers/pipeline/conditioning.ts';
import { ropeTables } from '../../workers/pipeline/rope.ts';
import { sinusoid } from '../../workers/pipeline/sinusoid.ts';
import { mergePadding } from '../../workers/pipeline/text-rows.ts';
import type { PackConfig, SmallConfig, Step1xConfig } from './config.ts';
import { type BuiltPack, type CaseSizes, input } from './parity-helpers.ts';
import { PackRunner, type Plain } from './runner.ts';

/** The same as in fixtures/reference.py. */
const TIMES = [0.7, 0.3];

type Keep = (name: string, value: Plain | undefined) => Plain;

/** A text that the blocks run with. */
interface Text {
  /** Behind the names of what depends on it. */
  readonly at: string;
  readonly rows: number;
  /** Valid tokens and `text_rows`, where the family pads. */
  readonly padded: { readonly valid: number; readonly index: Int32Array } | null;
}

interface Run {
  readonly runner: PackRunner;
  readonly pack: BuiltPack;
  readonly sizes: CaseSizes;
  readonly queryChunks: number;
  readonly keep: Keep;
}

/** @returns outputs by the reference's names */
export async function runAll(
  pack: BuiltPack,
  sizes: CaseSizes,
  mode: Mode,
  queryChunks = 1,
): Promise<Map<string, Float32Array>> {
  const runner = new PackRunner(pack.folder, pack.manifest, { mode });
  const out = new Map<string, Float32Array>();
  const keep: Keep = (name, value) => {
    if (!(value?.data instanceof Float32Array)) throw new Error(`no output ${name}`);
    out.set(name, value.data);
    return value;
  };
  const run = { runner, pack, sizes, queryChunks, keep };
  if (sizes.photo !== null) await runVae(run, sizes.photo);
  await runOverviews(run);
  if (pack.manifest.auto) await runAuto(run, pack.manifest.auto);
  const mods = await runEdges(run);
  for (const text of textsOf(pack.config)) {
    await runText(run, text);
    await runBlocks(run, text, mods);
  }
  await runFinal(run, mods);
  await runner.close();
  return out;
}

function textsOf(config: PackConfig): Text[] {
  if (config.family === 'restoration-small') {
    const { task_tokens, thumb } = config.conditioning;
    return [{ at: '', rows: task_tokens + (thumb / 16) ** 2, padded: null }];
  }
  const { tokens, valid } = config.conditioning;
  return valid.map((rows) => {
    const { count, index } = mergePadding(tokens, rows);
    return { at: `@${rows}`, rows: count, padded: { valid: rows, index } };
  });
}

async function runVae({ runner, pack, keep }: Run, [height, width]: [number, number]): Promise<void> {
  const { vae, family } = pack.manifest;
  const photo = input('photo', [1, 3, height, width]);
  const encoded = await runner.chain(vae.encode, { photo });
  const { dims } = keep('latents', encoded.latents);
  if (encoded.deviation) keep('deviation', encoded.deviation);
  const feeds: Record<string, Plain> = { latents: input('latents', dims), photo };
  for (const name of ['skip0', 'skip1', 'skip2']) {
    const skip = encoded[name];
    if (skip === undefined) continue;
    keep(name, skip);
    feeds[name] = input(name, skip.dims);
    feeds.pooled = input('pooled', [1, family.pooledDim]);
  }
  const { restored } = await runner.chain(vae.decode, feeds);
  keep('restored', restored);
  for (const { task, instance } of pack.manifest.refine ?? []) {
    const made = input('decoded', [1, 3, height, width]);
    keep(`refined.${task}`, (await runner.run(instance, { photo, restored: made })).restored);
  }
}

async function runOverviews({ runner, pack, keep }: Run): Promise<void> {
  const { tasks = [], side = 0 } = pack.manifest.overview ?? {};
  for (const { task, instance } of tasks) {
    keep(`overview.${task}`, (await runner.run(instance, { thumb: input('auto_thumb', [1, 3, side, side]) })).restored);
  }
}

async function runAuto({ runner, keep }: Run, { graph, crop, thumb }: AutoSpec): Promise<void> {
  const feeds = { crops: input('crops', [3, 3, crop, crop]), thumb: input('auto_thumb', [1, 3, thumb, thumb]) };
  keep('auto.logits', (await runner.run(graph, feeds)).logits);
}

/** `vec`, modulation tables (given back by instance id) and `embed`. */
async function runEdges({ runner, pack, sizes, keep }: Run): Promise<ReadonlyMap<string, Plain>> {
  const { family, switches } = pack.manifest;
  const pooled = input('pooled', [switches.conditioning.kind === 'table' ? 1 : TIMES.length, family.pooledDim]);
  const time = { dims: [TIMES.length, 256], data: sinusoid(TIMES) };
  const guidance = { dims: [1, 256], data: sinusoid([family.guidanceEmbed ?? 0]) };
  const vec = keep('vec', (await runner.run('vec', { time, pooled, guidance })).vec);
  const mods = new Map<string, Plain>();
  const tables = ['double.0.img_mod', 'double.0.txt_mod', 'single.0.mod', 'final.mod'];
  for (const id of tables) mods.set(id, keep(id, (await runner.run(id, { vec })).mod));
  if (switches.reference.kind === 'tokens') {
    const id = `single.${family.single - 1}.mod`;
    mods.set(id, keep('last.mod', (await runner.run(id, { vec })).mod));
  }
  const plane = [1, family.latentChannels, 2 * sizes.rows, 2 * sizes.columns];
  const latents = { latents: input('target', plane), reference: input('reference', plane) };
  keep('img', (await runner.run('embed', latents)).img);
  return mods;
}

/** What makes the text, and `context`. */
async function runText({ runner, pack, keep }: Run, text: Text): Promise<void> {
  const { config, manifest } = pack;
  const made =
    config.family === 'restoration-small' ? await runTable(runner, config) : await runConnector(runner, config, text);
  keep(`context${text.at}`, made.context);
  keep(`pooled${text.at}`, made.pooled);
  const context = input('context', [1, text.rows, manifest.family.contextDim]);
  keep(`txt${text.at}`, (await runner.run('context', { context })).txt);
}

function runTable(runner: PackRunner, config: SmallConfig): Promise<Record<string, Plain>> {
  const { tasks, thumb } = config.conditioning;
  const latents = input('thumb', [1, config.vae.latent_channels, thumb / 8, thumb / 8]);
  const task = { dims: [1, tasks.length], data: Float32Array.from(tasks, (id) => (id === 'noise' ? 1 : 0)) };
  return runner.run('conditioning', { latents, task });
}

function runConnector(runner: PackRunner, config: Step1xConfig, text: Text): Promise<Record<string, Plain>> {
  const { rows, padded } = text;
  const valid = padded?.valid ?? rows;
  const width = config.connector.state_dim;
  const states = input('states', [1, rows, width]);
  states.data.fill(0, valid * width);
  return runner.run('connector', {
    states,
    time: { dims: [1, 256], data: sinusoid(TIMES.slice(0, 1)) },
    mask: { dims: [1, 1, rows, rows], data: connectorMask(rows, valid) },
    mean: { dims: [1, 1, rows], data: connectorMean(rows, valid) },
  });
}

async function runBlocks(run: Run, text: Text, mods: ReadonlyMap<string, Plain>): Promise<void> {
  const { runner, pack, sizes, queryChunks, keep } = run;
  const { family, switches } = pack.manifest;
  const rope = ropeTables(family, sizes.rows, sizes.columns, switches.reference);
  const feeds = {
    img: input('img', [1, rope.dims[1], family.hidden]),
    txt: input('txt', [1, text.rows, family.hidden]),
    cos: { dims: rope.dims, data: rope.cos },
    sin: { dims: rope.dims, data: rope.sin },
    step: { dims: [], data: Int32Array.of(1) },
    ...(text.padded && { text_rows: { dims: [text.padded.index.length], data: text.padded.index } }),
  };
  const double = await runner.run('double.0', { ...feeds, ...modsOf(mods, 'double.0') }, queryChunks);
  keep(`double.img${text.at}`, double.img);
  keep(`double.txt${text.at}`, double.txt);
  const single = await runner.run('single.0', { ...feeds, ...modsOf(mods, 'single.0') }, queryChunks);
  keep(`single.img${text.at}`, single.img);
  keep(`single.txt${text.at}`, single.txt);
  if (switches.reference.kind !== 'tokens') return;
  const id = `single.${family.single - 1}`;
  keep(`last.img${text.at}`, (await runner.run(id, { ...feeds, ...modsOf(mods, id) }, queryChunks)).img);
}

/** The final layer sees the target's tokens, which come first. */
async function runFinal({ runner, pack, sizes, keep }: Run, mods: ReadonlyMap<string, Plain>): Promise<void> {
  const { family, switches } = pack.manifest;
  const target = sizes.rows * sizes.columns;
  const all = input('img', [1, switches.reference.kind === 'tokens' ? 2 * target : target, family.hidden]);
  const img = { dims: [1, target, family.hidden], data: all.data.slice(0, target * family.hidden) };
  const step = { dims: [], data: Int32Array.of(1) };
  keep('velocity', (await runner.run('final', { img, step, ...modsOf(mods, 'final') })).velocity);
}

/** Modulation inputs of an instance: "double.0.img_mod" is its input `img_mod`. */
function modsOf(mods: ReadonlyMap<string, Plain>, id: string): Record<string, Plain> {
  const own = [...mods].filter(([name]) => name.startsWith(`${id}.`));
  return Object.fromEntries(own.map(([name, table]) => [name.slice(id.length + 1), table]));
}
