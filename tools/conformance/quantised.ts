/**
 * How near quantised graphs stay to float32, by type of block: packs of one checkpoint in several formats, every graph
 * called once on the same inputs. The checkpoint is drawn, near normal with outliers, since RealRestorer's own can't be
 * had here: the numbers compare formats and say nothing about pictures.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Manifest } from '../../workers/packs/manifest.ts';
import { buildPack } from '../pack/build.ts';
import type { Step1xConfig } from '../pack/config.ts';
import type { Bits, Keep8 } from '../pack/emitter.ts';
import { cosine, relativeError } from '../pack/parity-helpers.ts';
import { PackRunner, type Plain } from '../pack/runner.ts';
import { FULL_CONFIG } from '../pack/virtual-config.ts';
import { seedOf } from '../pack/virtual-draw.ts';
import { writeCheckpoint } from './checkpoint.ts';
import { type Draw, draw, randomBits } from './draw.ts';
import { portFeeds } from './port-feeds.ts';

export interface Format {
  readonly name: string;
  readonly bits: Bits;
  readonly keep8?: readonly Keep8[];
}

export const FORMATS: readonly Format[] = [
  { name: '4 bits', bits: 4 },
  { name: '4 bits, 8 for down, modulation, connector', bits: 4, keep8: ['down', 'modulation', 'connector'] },
  { name: '8 bits', bits: 8 },
];

/** Instances of each type of block. `single.1` is the last block. */
const TYPES = {
  double: ['double.0'],
  single: ['single.0'],
  last: ['single.1'],
  connector: ['connector'],
  modulation: ['double.0.img_mod', 'double.0.txt_mod', 'single.0.mod', 'final.mod'],
  'embed and final': ['vec', 'context', 'embed', 'final'],
} as const;
export type BlockType = keyof typeof TYPES;
export const BLOCK_TYPES = Object.keys(TYPES) as BlockType[];

export interface Nearness {
  readonly format: string;
  readonly type: BlockType;
  /** The lowest cosine and the largest relative error (‖a - b‖ / ‖b‖) of the type's outputs. */
  readonly cosine: number;
  readonly error: number;
  /** Stored bytes of the type's instances. */
  readonly bytes: number;
}

/** Near normal: the sum of four bytes, mean 0, deviation 1. */
function nearNormal(bits: number): number {
  const sum = (bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24);
  return (sum - 510) / 147.8;
}

/** One channel in 64 is an outlier. */
const isOutlier = (channel: number) => randomBits(64, channel) % 64 === 0;

/**
 * Matrices of deviation 1/√K, in which outlier columns are 6 times as large, and one value in 500 four times; the rest as
 * `draw` does it.
 */
export const drawWithOutliers: Draw = (name, shape, start = 0, count = Number.POSITIVE_INFINITY) => {
  const [, k = 0] = shape;
  if (shape.length !== 2 || name.startsWith('conditioning.')) return draw(name, shape, start, count);
  const seed = seedOf(name);
  const size = shape.reduce((a, b) => a * b, 1);
  const out = new Float32Array(Math.min(count, size - start));
  const columns = Float32Array.from({ length: k }, (_, column) => (isOutlier(column) ? 6 : 1) / Math.sqrt(k));
  for (let i = 0; i < out.length; i++) {
    const bits = randomBits(seed, start + i);
    out[i] = nearNormal(bits) * (columns[(start + i) % k] ?? 0) * (bits % 500 === 0 ? 4 : 1);
  }
  return out;
};

/** Activations near normal, 10 times as large in outlier channels, which are not those of the weights. */
function activations(name: string, dims: readonly number[]): Float32Array {
  const seed = seedOf(`input.${name}`);
  const width = dims.at(-1) ?? 1;
  return Float32Array.from(
    { length: dims.reduce((a, b) => a * b, 1) },
    (_, i) => nearNormal(randomBits(seed, i)) * (isOutlier((i % width) + 1) ? 10 : 1),
  );
}

/** Outputs of all types, by type and then by instance and output. Blocks: what they add to the stream. */
async function outputsOf(folder: string, manifest: Manifest): Promise<Map<BlockType, Map<string, Float32Array>>> {
  const runner = new PackRunner(folder, manifest);
  const all = new Map<BlockType, Map<string, Float32Array>>();
  for (const type of BLOCK_TYPES) {
    const ofType = new Map<string, Float32Array>();
    for (const id of TYPES[type]) {
      const feeds = portFeeds(manifest, id, activations);
      for (const [name, output] of Object.entries(await runner.run(id, feeds))) {
        ofType.set(`${id}.${name}`, added(output, feeds[name]));
      }
    }
    all.set(type, ofType);
  }
  await runner.close();
  return all;
}

/** The stream would hide what a block does to it. `last` answers for the first rows of the stream. */
function added({ data }: Plain, before: Plain | undefined): Float32Array {
  return Float32Array.from(data, (value, i) => value - (before?.data[i] ?? 0));
}

const bytesOf = ({ instances, weights }: Manifest, type: BlockType): number =>
  TYPES[type]
    .flatMap((id) => Object.values(instances[id]?.weights ?? {}))
    .reduce((sum, id) => sum + (weights[id]?.bytes ?? 0), 0);

/**
 * Makes packs of a drawn checkpoint in float32 and in each format, and compares.
 *
 * @param config one double and two single blocks
 */
export async function compareFormats(
  config: Step1xConfig,
  formats: readonly Format[] = FORMATS,
  log: (line: string) => void = () => {},
): Promise<Nearness[]> {
  const folder = await mkdtemp(join(tmpdir(), 'quantised-'));
  const build = async ({ name, bits, keep8 = [] }: Format) => {
    const out = join(folder, 'pack');
    await rm(out, { recursive: true, force: true });
    const manifest = await buildPack({
      checkpoint: join(folder, 'checkpoint'),
      out,
      bits,
      keep8,
      include: ['dit'],
      name: 'quantised',
      version: '1',
      title: name,
      licence: 'Apache-2.0',
      source: 'drawn',
      licenceText: 'drawn\n',
      shardBytes: 512 * 1024 * 1024,
    });
    const outputs = await outputsOf(out, manifest);
    log(name);
    return { manifest, outputs };
  };
  try {
    await writeCheckpoint(join(folder, 'checkpoint'), config, drawWithOutliers);
    const exact = await build({ name: '32 bits', bits: 32 });
    const report: Nearness[] = [];
    for (const format of formats) {
      const { manifest, outputs } = await build(format);
      for (const type of BLOCK_TYPES) {
        const pairs = [...(exact.outputs.get(type) ?? [])].map(
          ([name, expected]) => [outputs.get(type)?.get(name) ?? [], expected] as const,
        );
        report.push({
          format: format.name,
          type,
          cosine: Math.min(...pairs.map(([got, expected]) => cosine(got, expected))),
          error: Math.max(...pairs.map(([got, expected]) => relativeError(got, expected))),
          bytes: bytesOf(manifest, type),
        });
      }
    }
    return report;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** RealRestorer's proportions at another width: heads of 128, MLP 4 times as wide, one double and two single blocks. */
export function quantisedConfig(hidden: number): Step1xConfig {
  return {
    ...FULL_CONFIG,
    transformer: {
      ...FULL_CONFIG.transformer,
      vec_in_dim: 256,
      context_in_dim: hidden,
      hidden_size: hidden,
      num_heads: hidden / 128,
      depth: 1,
      depth_single_blocks: 2,
      use_mask_token: false,
    },
    // Not in the packs: as small as it gets.
    vae: { ...FULL_CONFIG.vae, base: 32, multipliers: [1, 1, 1, 1], res_blocks: 1 },
    connector: { ...FULL_CONFIG.connector, state_dim: hidden, heads: hidden / 128 },
    conditioning: { tasks: ['noise'], tokens: 16, valid: [11, 5] },
  };
}
