/** What the parity tests share: cases, drawn inputs, the two measures. `parity-run.ts` calls the graphs. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Manifest } from '../../workers/packs/manifest.ts';
import { writeCheckpoint } from '../conformance/checkpoint.ts';
import { type Draw, draw } from '../conformance/draw.ts';
import { buildPack } from './build.ts';
import { type PackConfig, readConfig } from './config.ts';
import type { Plain } from './runner.ts';
import { Checkpoint } from './safetensors.ts';

/**
 * Configs with reference outputs. The big family's differ in guidance embedding, version, biases of q, k and v, depths,
 * heads and axes, token grids (5 × 3, 3 × 3, 2 × 3, 1 × 7) and padding: from none to 635 of 640 rows.
 */
export const CASES = ['small', 'step1x', 'step1x-plain', 'step1x-v11', 'step1x-long'] as const;
export type Case = (typeof CASES)[number];
/** Folders with a config; `qwen` has its outputs in files of their own kind. */
export type FixtureName = Case | 'qwen';
export const fixtures = (name: FixtureName) => fileURLToPath(new URL(`./fixtures/${name}/`, import.meta.url));

const caseSchema = z.strictObject({
  /** Token grid of the transformer's inputs. */
  rows: z.number().int(),
  columns: z.number().int(),
  /** Height and width of the VAE's photo; null where the VAE is left to other cases. */
  photo: z.tuple([z.number().int(), z.number().int()]).nullable(),
});
export type CaseSizes = z.infer<typeof caseSchema>;

export async function readCase(name: Case): Promise<CaseSizes> {
  return caseSchema.parse(JSON.parse(await readFile(join(fixtures(name), 'case.json'), 'utf8')));
}

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
export async function buildFixturePack(
  name: FixtureName,
  bits: 4 | 8 | 16 | 32,
  values: Draw = draw,
): Promise<BuiltPack> {
  const folder = await mkdtemp(join(tmpdir(), `pack-${name}-`));
  const checkpoint = join(folder, 'checkpoint');
  const config = await readConfig(fixtures(name));
  await writeCheckpoint(checkpoint, config, values);
  const out = join(folder, 'pack');
  const manifest = await buildPack({
    checkpoint,
    out,
    bits,
    name,
    version: '1',
    title: name,
    licence: 'Apache-2.0',
    source: 'drawn',
    licenceText: 'drawn\n',
    shardBytes: 1 << 20,
  });
  return { folder: out, manifest, config, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Reference outputs by name. */
export async function readReference(name: Case): Promise<Map<string, Float32Array>> {
  const file = await Checkpoint.open([fixtures(name)]);
  const values = new Map<string, Float32Array>();
  for (const tensor of file.names()) values.set(tensor, await file.read(tensor));
  await file.close();
  return values;
}
