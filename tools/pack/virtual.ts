/**
 * A checkpoint that is nowhere: the tensors of any config, with seeded numbers of realistic size, made when they are read.
 * It stands for RealRestorer's in measurements, so that nobody needs the 25 GB; `writeVirtual` makes the files all the same.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { Step1xConfig } from './config.ts';
import { TEXT_PREFIX, writtenTextConfig } from './qwen-config.ts';
import { DTYPE_BYTES, elementsOf, type Rows, type TensorPlace, TensorReader, type TensorSource } from './source.ts';
import { tensorsOf } from './tensors.ts';
import { type Drawn, drawBits, seedOf } from './virtual-draw.ts';

/** Weights keep the size of activations, norms are near 1, biases small; the scale factor is what RealRestorer's is near. */
function drawnFor(name: string, shape: readonly number[]): Drawn {
  const seed = seedOf(name);
  if (name === 'connector.scale_factor') return { seed, mean: -0.09, deviation: 0 };
  if (/(\.scale|norm\d?\.weight|norm_out\.weight|ln_q\.weight)$/.test(name)) return { seed, mean: 1, deviation: 0.1 };
  if (shape.length === 1) return { seed, mean: 0, deviation: 0.02 };
  return { seed, mean: 0, deviation: 1 / Math.sqrt(elementsOf(shape.slice(1))) };
}

const FOLDERS = ['transformer', 'vae', 'text_encoder'] as const;
type Folder = (typeof FOLDERS)[number];

function folderOf(name: string): Folder {
  if (name.startsWith(TEXT_PREFIX)) return 'text_encoder';
  return /^(encoder|decoder)\./.test(name) ? 'vae' : 'transformer';
}

/** The name in the bundle's files. Those of the text encoder are of the older generation. */
function fileNameOf(name: string): string {
  if (!name.startsWith(TEXT_PREFIX)) return `inner_model.${name}`;
  const bare = name.slice(TEXT_PREFIX.length);
  return bare.startsWith('visual.') || bare.startsWith('lm_head.') ? bare : `model.${bare}`;
}

export class VirtualCheckpoint implements TensorSource {
  private readonly places = new Map<string, TensorPlace>();
  private readonly reader = new TensorReader();

  /** @param config every tensor that it names is there: the VAE's as f32, all others as bf16, as in the bundle */
  constructor(config: Step1xConfig) {
    const shapes = tensorsOf(config);
    shapes.delete('conditioning.states');
    if (config.transformer.use_mask_token) shapes.set('mask_token', [1, 1, config.transformer.hidden_size]);
    for (const [name, shape] of shapes) {
      this.places.set(name, {
        dtype: folderOf(name) === 'vae' ? 'F32' : 'BF16',
        shape,
        from: { drawn: drawnFor(name, shape) },
      });
    }
  }

  names(): string[] {
    return [...this.places.keys()];
  }

  place(name: string): TensorPlace | undefined {
    return this.places.get(name);
  }

  shape(name: string): readonly number[] | undefined {
    return this.places.get(name)?.shape;
  }

  async read(name: string, rows?: Rows): Promise<Float32Array> {
    const place = this.places.get(name);
    if (place === undefined) throw new Error(`no tensor ${name}`);
    const width = elementsOf(place.shape.slice(1));
    const { start, count } = rows ?? { start: 0, count: place.shape[0] ?? 1 };
    return this.reader.read(place, start * width, count * width).slice();
  }

  /** Bytes that the tensors would have in files. */
  get bytes(): number {
    return [...this.places.values()].reduce((sum, { shape, dtype }) => sum + elementsOf(shape) * DTYPE_BYTES[dtype], 0);
  }

  identity(): unknown {
    return [...this.places];
  }

  async close(): Promise<void> {}
}

/**
 * Writes a virtual checkpoint as a diffusers bundle: `transformer/`, `vae/` and perhaps `text_encoder/` with shards, index
 * and configs, names of the first two with the prefix `inner_model.`
 *
 * @param shardBytes a new shard starts where the next tensor would pass this
 */
export async function writeVirtual(folder: string, config: Step1xConfig, shardBytes: number): Promise<void> {
  const source = new VirtualCheckpoint(config);
  for (const part of FOLDERS) {
    const names = source.names().filter((name) => folderOf(name) === part);
    if (names.length === 0) continue;
    await mkdir(join(folder, part), { recursive: true });
    await writeShards(join(folder, part), source, names, shardBytes, part === 'text_encoder' ? 'model' : DIFFUSERS);
    const own = configFile(part, config);
    await writeFile(join(folder, part, 'config.json'), `${JSON.stringify(own, null, 1)}\n`);
  }
  const index = { _class_name: 'RealRestorerPipeline', _diffusers_version: '0.36.0' };
  await writeFile(join(folder, 'model_index.json'), `${JSON.stringify(index, null, 1)}\n`);
}

function configFile(part: Folder, config: Step1xConfig): object {
  if (part === 'vae') return { _class_name: 'AutoencoderKLRealRestorer' };
  return part === 'transformer' || !config.text_encoder
    ? transformerConfig(config)
    : writtenTextConfig(config.text_encoder);
}

const transformerConfig = (config: Step1xConfig) => ({
  _class_name: 'RealRestorerTransformer2DModel',
  _diffusers_version: '0.36.0',
  ...config.transformer,
});

const DIFFUSERS = 'diffusion_pytorch_model';

async function writeShards(
  folder: string,
  source: VirtualCheckpoint,
  names: string[],
  limit: number,
  base: string,
): Promise<void> {
  const bytesOf = (name: string) => {
    const place = source.place(name);
    return place === undefined ? 0 : elementsOf(place.shape) * DTYPE_BYTES[place.dtype];
  };
  const shards: string[][] = [[]];
  let filled = 0;
  for (const name of names) {
    if (filled > 0 && filled + bytesOf(name) > limit) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)?.push(name);
    filled += bytesOf(name);
  }
  const number = (value: number) => String(value).padStart(5, '0');
  const map: Record<string, string> = {};
  for (const [at, shard] of shards.entries()) {
    const file =
      shards.length === 1 ? `${base}.safetensors` : `${base}-${number(at + 1)}-of-${number(shards.length)}.safetensors`;
    for (const name of shard) map[fileNameOf(name)] = file;
    await writeShard(join(folder, file), source, shard);
  }
  if (shards.length === 1) return;
  const index = { metadata: { total_size: names.reduce((sum, name) => sum + bytesOf(name), 0) }, weight_map: map };
  await writeFile(join(folder, `${base}.safetensors.index.json`), JSON.stringify(index));
}

/** Elements that are drawn at a time. */
const CHUNK = 1 << 20;

async function writeShard(path: string, source: VirtualCheckpoint, names: readonly string[]): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let offset = 0;
  for (const name of names) {
    const place = source.place(name);
    if (place === undefined) continue;
    const end = offset + elementsOf(place.shape) * DTYPE_BYTES[place.dtype];
    header[fileNameOf(name)] = { dtype: place.dtype, shape: place.shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  const stream = createWriteStream(path);
  const write = async (data: Uint8Array) => {
    if (!stream.write(data)) await new Promise<void>((resolve) => stream.once('drain', resolve));
  };
  await write(Buffer.concat([prefix, json]));
  for (const name of names) {
    const place = source.place(name);
    if (place === undefined || !('drawn' in place.from)) continue;
    const elements = elementsOf(place.shape);
    for (let start = 0; start < elements; start += CHUNK) {
      const chunk = new Uint8Array(Math.min(CHUNK, elements - start) * DTYPE_BYTES[place.dtype]);
      drawBits(place.from.drawn, place.dtype, start, chunk);
      await write(chunk);
    }
  }
  stream.end();
  await finished(stream);
}
