/**
 * Reads safetensors files by ranges: a tensor, or some rows of it, is read only when asked for.
 *
 * Format: 8 bytes little-endian header length, a JSON header, raw little-endian data
 * (https://github.com/huggingface/safetensors). The header is not trusted: every offset is checked against the file.
 */
import { type FileHandle, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { widenHalves } from '../../workers/packs/half.ts';

const MAX_HEADER = 100 * 1024 * 1024;
const BYTES = { F32: 4, F16: 2, BF16: 2 } as const;

const entrySchema = z.object({
  dtype: z.enum(['F32', 'F16', 'BF16'], { error: 'dtype is not F32, F16 or BF16' }),
  shape: z.array(z.number().int().min(0)).max(8),
  data_offsets: z.tuple([z.number().int().min(0), z.number().int().min(0)]),
});
const headerSchema = z.record(z.string(), z.unknown());
const indexSchema = z.object({ weight_map: z.record(z.string(), z.string().regex(/^[A-Za-z0-9._-]+$/)) });

interface Entry {
  readonly file: FileHandle;
  readonly dtype: keyof typeof BYTES;
  readonly shape: readonly number[];
  /** From the start of the file. */
  readonly offset: number;
}

export interface Rows {
  readonly start: number;
  readonly count: number;
}

/** Tensors of one or several files. Close it when done. */
export class Checkpoint {
  private readonly entries: ReadonlyMap<string, Entry>;
  private readonly files: readonly FileHandle[];

  private constructor(entries: ReadonlyMap<string, Entry>, files: readonly FileHandle[]) {
    this.entries = entries;
    this.files = files;
  }

  /**
   * Opens the `*.safetensors` of the folders.
   *
   * @param rename gives the name that the rest of the builder uses, e.g. without a prefix
   * @param accept which files are opened; all where absent
   * @throws Error for a broken file, a tensor that two files hold, or an index that disagrees with the files
   */
  static async open(
    folders: readonly string[],
    rename: (name: string) => string = (name) => name,
    accept: (file: string) => boolean = () => true,
  ): Promise<Checkpoint> {
    const files: FileHandle[] = [];
    const entries = new Map<string, Entry>();
    try {
      for (const folder of folders) await addFolder(folder, rename, accept, entries, files);
    } catch (error) {
      await Promise.all(files.map((file) => file.close()));
      throw error;
    }
    return new Checkpoint(entries, files);
  }

  names(): string[] {
    return [...this.entries.keys()];
  }

  /** undefined where the checkpoint has no such tensor. */
  shape(name: string): readonly number[] | undefined {
    return this.entries.get(name)?.shape;
  }

  /**
   * Values as float32, row-major.
   *
   * @param rows a range along axis 0; the whole tensor where absent
   */
  async read(name: string, rows?: Rows): Promise<Float32Array> {
    const entry = this.entries.get(name);
    if (entry === undefined) throw new Error(`no tensor ${name}`);
    const [height = 1] = entry.shape;
    const width = entry.shape.slice(1).reduce((a, b) => a * b, 1);
    const { start, count } = rows ?? { start: 0, count: height };
    if (start < 0 || count < 0 || start + count > height)
      throw new Error(`${name}: rows ${start}+${count} of ${height}`);
    const size = BYTES[entry.dtype];
    const bytes = await readBytes(entry.file, entry.offset + start * width * size, count * width * size);
    if (entry.dtype === 'F32') return new Float32Array(bytes.buffer);
    const bits = new Uint16Array(bytes.buffer);
    const out = new Float32Array(bits.length);
    if (entry.dtype === 'F16') widenHalves(bits, out);
    else {
      // bfloat16 is the upper half of binary32.
      const wide = new Uint32Array(out.buffer);
      for (let i = 0; i < bits.length; i++) wide[i] = (bits[i] ?? 0) << 16;
    }
    return out;
  }

  async close(): Promise<void> {
    await Promise.all(this.files.map((file) => file.close()));
  }
}

async function readBytes(file: FileHandle, position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, 1 << 30), position + done);
    if (bytesRead === 0) throw new Error(`file ends at ${position + done}, ${length - done} bytes early`);
    done += bytesRead;
  }
  return bytes;
}

async function addFolder(
  folder: string,
  rename: (name: string) => string,
  accept: (file: string) => boolean,
  entries: Map<string, Entry>,
  files: FileHandle[],
): Promise<void> {
  const listed = (await readdir(folder)).sort();
  const shards = listed.filter((name) => name.endsWith('.safetensors') && accept(name));
  const places = new Map<string, string>();
  for (const shard of shards) {
    const file = await open(join(folder, shard), 'r');
    files.push(file);
    for (const [raw, entry] of await readHeader(file, shard)) {
      const name = rename(raw);
      if (entries.has(name)) throw new Error(`${shard}: tensor ${name} is there twice`);
      entries.set(name, entry);
      places.set(raw, shard);
    }
  }
  for (const index of listed.filter((name) => name.endsWith('.safetensors.index.json'))) {
    const { weight_map: map } = indexSchema.parse(JSON.parse(await readFile(join(folder, index), 'utf8')));
    const wrong = Object.entries(map).filter(([name, shard]) => places.get(name) !== shard);
    if (wrong.length > 0) {
      throw new Error(
        `${index}: not where the index says: ${wrong.map(([name, shard]) => `${name} (${shard})`).join(', ')}`,
      );
    }
  }
}

async function readHeader(file: FileHandle, label: string): Promise<[string, Entry][]> {
  const { size } = await file.stat();
  if (size < 8) throw new Error(`${label}: too short for safetensors`);
  const prefix = await readBytes(file, 0, 8);
  const length = Number(new DataView(prefix.buffer).getBigUint64(0, true));
  if (length > MAX_HEADER || 8 + length > size) throw new Error(`${label}: header of ${length} bytes does not fit`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await readBytes(file, 8, length)));
  } catch {
    throw new Error(`${label}: header is not JSON`);
  }
  const entries: [string, Entry][] = [];
  const header = headerSchema.safeParse(parsed);
  if (!header.success) throw new Error(`${label}: header is not an object`);
  for (const [name, value] of Object.entries(header.data)) {
    if (name === '__metadata__') continue;
    const entry = entrySchema.safeParse(value);
    if (!entry.success)
      throw new Error(`${label}: tensor ${name}: ${entry.error.issues[0]?.message ?? 'not understood'}`);
    const { dtype, shape, data_offsets: range } = entry.data;
    const bytes = shape.reduce((a, b) => a * b, 1) * BYTES[dtype];
    if (range[1] - range[0] !== bytes) throw new Error(`${label}: tensor ${name}: range and shape disagree`);
    if (8 + length + range[1] > size) throw new Error(`${label}: tensor ${name} lies behind the end of the file`);
    entries.push([name, { file, dtype, shape, offset: 8 + length + range[0] }]);
  }
  return entries;
}
