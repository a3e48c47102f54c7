/** What the parity tests share: drawn inputs, the two measures, and one call of every graph of a pack. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Manifest, Mode } from '../../workers/packs/manifest.ts';
import { ropeTables } from '../../workers/pipeline/rope.ts';
import { sinusoid } from '../../workers/pipeline/sinusoid.ts';
import { writeCheckpoint } from '../conformance/checkpoint.ts';
import { draw } from '../conformance/draw.ts';
import { buildPack } from './build.ts';
import { type PackConfig, readConfig } from './config.ts';
import { PackRunner, type Plain } from './runner.ts';
import { Checkpoint } from './safetensors.ts';

export type Family = 'small' | 'step1x';
export const fixtures = (family: Family) => fileURLToPath(new URL(`./fixtures/${family}/`, import.meta.url));

/** The same as in fixtures/reference.py. */
const TIMES = [0.7, 0.3];
const ROWS = 8;
const COLUMNS = 6;

export const input = (name: string, dims: readonly number[]): Plain => ({ dims, data: draw(`input.${name}`, dims) });

/** ‖a - b‖ / ‖b‖ */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values against ${b.length}`);
  let difference = 0;
  let size = 0;
  for (let i = 0; i < b.length; i++) {
    difference += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
    size += (b[i] ?? 0) ** 2;
  }
  return Math.sqrt(difference / size);
}

export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < b.length; i++) {
    ab += (a[i] ?? 0) * (b[i] ?? 0);
    aa += (a[i] ?? 0) ** 2;
    bb += (b[i] ?? 0) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

export interface BuiltPack {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly config: PackConfig;
  remove(): Promise<void>;
}

/** A pack of drawn weights with the fixtures' config, in a temporary folder. */
export async function buildFixturePack(family: Family, bits: 4 | 8 | 16 | 32): Promise<BuiltPack> {
  const folder = await mkdtemp(join(tmpdir(), `pack-${family}-`));
  const checkpoint = join(folder, 'checkpoint');
  const config = await readConfig(fixtures(family));
  await writeCheckpoint(checkpoint, config);
  const out = join(folder, 'pack');
  const manifest = await buildPack({
    checkpoint,
    out,
    bits,
    name: family,
    version: '1',
    title: family,
    licence: 'Apache-2.0',
    source: 'drawn',
    licenceText: 'drawn\n',
    shardBytes: 1 << 20,
  });
  return { folder: out, manifest, config, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Reference outputs by name. */
export async function readReference(family: Family): Promise<Map<string, Float32Array>> {
  const file = await Checkpoint.open([fixtures(family)]);
  const values = new Map<string, Float32Array>();
  for (const name of file.names()) values.set(name, await file.read(name));
  await file.close();
  return values;
}

/** Runs every graph once, on the drawn inputs of fixtures/reference.py; outputs by the reference's names. */
export async function runAll(pack: BuiltPack, mode: Mode, queryChunks = 1): Promise<Map<string, Float32Array>> {
  const { manifest, config } = pack;
  const { family, switches, vae } = manifest;
  const runner = new PackRunner(pack.folder, manifest, mode);
  const out = new Map<string, Float32Array>();
  const keep = (name: string, value: Plain | undefined): Plain => {
    if (!(value?.data instanceof Float32Array)) throw new Error(`no output ${name}`);
    out.set(name, value.data);
    return value;
  };

  const photo = input('photo', [1, 3, 32, 48]);
  const encoded = await runner.chain(vae.encode, { photo }, queryChunks);
  keep('latents', encoded.latents);
  const pooledRows = switches.conditioning.kind === 'table' ? 1 : TIMES.length;
  const pooled = input('pooled', [pooledRows, family.pooledDim]);
  const decoderFeeds: Record<string, Plain> = { latents: input('latents', [1, 16, 4, 6]), photo, pooled };
  for (const name of ['skip0', 'skip1', 'skip2']) {
    const skip = encoded[name];
    if (skip === undefined) continue;
    keep(name, skip);
    decoderFeeds[name] = input(name, skip.dims);
  }
  keep('restored', (await runner.chain(vae.decode, decoderFeeds, queryChunks)).restored);

  for (const [name, value] of Object.entries(await runConditioning(runner, config))) keep(name, value);
  const time = { dims: [TIMES.length, 256], data: sinusoid(TIMES) };
  const guidance = { dims: [1, 256], data: sinusoid([family.guidanceEmbed ?? 0]) };
  const vec = keep('vec', (await runner.run('vec', { time, pooled, guidance })).vec);
  const mods: Record<string, Plain> = {};
  for (const id of ['double.0.img_mod', 'double.0.txt_mod', 'single.0.mod', 'final.mod']) {
    mods[id] = keep(id, (await runner.run(id, { vec })).mod);
  }
  const context = input('context', [1, family.contextTokens, family.contextDim]);
  keep('txt', (await runner.run('context', { context })).txt);
  const plane = [1, family.latentChannels, 2 * ROWS, 2 * COLUMNS];
  keep(
    'img',
    (await runner.run('embed', { latents: input('target', plane), reference: input('reference', plane) })).img,
  );

  const rope = ropeTables(family, ROWS, COLUMNS, switches.reference);
  const shared = {
    img: input('img', [1, rope.dims[1], family.hidden]),
    txt: input('txt', [1, family.contextTokens, family.hidden]),
    cos: { dims: rope.dims, data: rope.cos },
    sin: { dims: rope.dims, data: rope.sin },
    step: { dims: [], data: Int32Array.of(1) },
  };
  const tables = { img_mod: mods['double.0.img_mod'], txt_mod: mods['double.0.txt_mod'] };
  const double = await runner.run('double.0', { ...shared, ...withValues(tables) }, queryChunks);
  keep('double.img', double.img);
  keep('double.txt', double.txt);
  const single = await runner.run('single.0', { ...shared, ...withValues({ mod: mods['single.0.mod'] }) }, queryChunks);
  keep('single.img', single.img);
  keep('single.txt', single.txt);
  keep('velocity', (await runner.run('final', { ...shared, ...withValues({ mod: mods['final.mod'] }) })).velocity);
  await runner.close();
  return out;
}

function withValues(feeds: Record<string, Plain | undefined>): Record<string, Plain> {
  return Object.fromEntries(Object.entries(feeds).flatMap(([name, value]) => (value ? [[name, value]] : [])));
}

async function runConditioning(runner: PackRunner, config: PackConfig): Promise<Record<string, Plain>> {
  if (config.family === 'restoration-small') {
    const { tasks, thumb } = config.conditioning;
    const latents = input('thumb', [1, config.vae.latent_channels, thumb / 8, thumb / 8]);
    const task = { dims: [1, tasks.length], data: Float32Array.from(tasks, (id) => (id === 'noise' ? 1 : 0)) };
    return runner.run('conditioning', { latents, task });
  }
  const { tokens, valid } = config.conditioning;
  const rows = valid[0] ?? 0;
  const states = input('states', [1, tokens, config.connector.state_dim]);
  states.data.fill(0, rows * config.connector.state_dim);
  const mean = Float32Array.from({ length: tokens }, (_, i) => (i < rows ? 1 / rows : 0));
  // Both valid, or key 0 (realrestorer.md D.5).
  const visible = (query: number, key: number) => key === 0 || (query < rows && key < rows);
  const mask = Float32Array.from({ length: tokens ** 2 }, (_, i) =>
    visible(Math.floor(i / tokens), i % tokens) ? 0 : -1e9,
  );
  return runner.run('connector', {
    states,
    time: { dims: [1, 256], data: sinusoid(TIMES.slice(0, 1)) },
    mask: { dims: [1, 1, tokens, tokens], data: mask },
    mean: { dims: [1, 1, tokens], data: mean },
  });
}
