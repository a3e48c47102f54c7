/**
 * Reads safetensors files by ranges: a tensor, or some rows of it, is read only when asked for.
 *
 * Format: 8 bytes little-endian header length, a JSON header, raw little-endian data
 * (https://github.com/huggingface/safetensors). The header is not trusted: every offset is checked against the file.
 */
import { type FileHandle, open, readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { DTYPE_BYTES, elementsOf, type Rows, type TensorPlace, TensorReader, type TensorSource } from './source.ts';

const MAX_HEADER = 100 * 1024 * 1024;
const LFS_POINTER = 'version https://git-lfs';

const entrySchema = z.object({
  dtype: z.enum(['F32', 'F16', 'BF16'], { error: 'dtype is not F32, F16 or BF16' }),
  shape: z.array(z.number().int().min(0)).max(8),
  data_offsets: z.tuple([z.number().int().min(0), z.number().int().min(0)]),
});
const headerSchema = z.record(z.string(), z.unknown());
const indexSchema = z.object({ weight_map: z.record(z.string(), z.string().regex(/^[A-Za-z0-9._-]+$/)) });

/** Size and time of a file: another one makes an interrupted build start again. */
interface FileMark {
  readonly file: string;
  readonly bytes: number;
  readonly changed: number;
}

/** Tensors of one or several files. Close it when done. */
export class Checkpoint implements TensorSource {
  private readonly entries: ReadonlyMap<string, TensorPlace>;
  private readonly marks: readonly FileMark[];
  private readonly reader = new TensorReader();

  private constructor(entries: ReadonlyMap<string, TensorPlace>, marks: readonly FileMark[]) {
    this.entries = entries;
    this.marks = marks;
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
    const marks: FileMark[] = [];
    const entries = new Map<string, TensorPlace>();
    for (const folder of folders) await addFolder(folder, rename, accept, entries, marks);
    return new Checkpoint(entries, marks);
  }

  names(): string[] {
    return [...this.entries.keys()];
  }

  place(name: string): TensorPlace | undefined {
    return this.entries.get(name);
  }

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
    const width = elementsOf(entry.shape.slice(1));
    const { start, count } = rows ?? { start: 0, count: height };
    if (start < 0 || count < 0 || start + count > height)
      throw new Error(`${name}: rows ${start}+${count} of ${height}`);
    return this.reader.read(entry, start * width, count * width).slice();
  }

  identity(): unknown {
    return [this.marks, [...this.entries]];
  }

  async close(): Promise<void> {
    this.reader.close();
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
  entries: Map<string, TensorPlace>,
  marks: FileMark[],
): Promise<void> {
  const listed = (await readdir(folder)).sort();
  const shards = listed.filter((name) => name.endsWith('.safetensors') && accept(name));
  const places = new Map<string, string>();
  for (const shard of shards) {
    const path = resolve(folder, shard);
    for (const [raw, entry] of await readHeader(path, marks)) {
      const name = rename(raw);
      if (entries.has(name)) throw new Error(`${shard}: tensor ${name} is there twice`);
      entries.set(name, entry);
      places.set(raw, shard);
    }
  }
  for (const index of listed.filter((name) => name.endsWith('.safetensors.index.json'))) {
    const { weight_map: map } = indexSchema.parse(JSON.parse(await readFile(join(folder, index), 'utf8')));
    const absent = [...new Set(Object.values(map))].filter((shard) => !listed.includes(shard));
    if (absent.length > 0) {
      throw new Error(`${folder} is not complete: ${index} names ${absent.join(', ')}. Fetch what is missing.`);
    }
    const wrong = Object.entries(map).filter(([name, shard]) => places.get(name) !== shard);
    if (wrong.length > 0) {
      throw new Error(
        `${index}: not where the index says: ${wrong.map(([name, shard]) => `${name} (${shard})`).join(', ')}`,
      );
    }
  }
}

async function readHeader(path: string, marks: FileMark[]): Promise<[string, TensorPlace][]> {
  const file = await open(path, 'r');
  try {
    const { size, mtimeMs } = await file.stat();
    marks.push({ file: path, bytes: size, changed: mtimeMs });
    return await parseHeader(file, path, size);
  } finally {
    await file.close();
  }
}

async function parseHeader(file: FileHandle, path: string, size: number): Promise<[string, TensorPlace][]> {
  const start = await readBytes(file, 0, Math.min(size, LFS_POINTER.length));
  if (new TextDecoder().decode(start) === LFS_POINTER) {
    throw new Error(`${path} is a git-lfs pointer, not the weights. Run "git lfs pull" in its folder.`);
  }
  if (size < 8) throw new Error(`${path}: too short for safetensors. Fetch this file again.`);
  const length = Number(new DataView(start.buffer).getBigUint64(0, true));
  if (length > MAX_HEADER || 8 + length > size) {
    throw new Error(`${path}: header of ${length} bytes does not fit. The file is cut off or no safetensors.`);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await readBytes(file, 8, length)));
  } catch {
    throw new Error(`${path}: header is not JSON`);
  }
  const entries: [string, TensorPlace][] = [];
  const header = headerSchema.safeParse(parsed);
  if (!header.success) throw new Error(`${path}: header is not an object`);
  for (const [name, value] of Object.entries(header.data)) {
    if (name === '__metadata__') continue;
    const entry = entrySchema.safeParse(value);
    if (!entry.success)
      throw new Error(`${path}: tensor ${name}: ${entry.error.issues[0]?.message ?? 'not understood'}`);
    const { dtype, shape, data_offsets: range } = entry.data;
    if (range[1] - range[0] !== elementsOf(shape) * DTYPE_BYTES[dtype]) {
      throw new Error(`${path}: tensor ${name}: range and shape disagree`);
    }
    if (8 + length + range[1] > size) {
      throw new Error(
        `${path}: tensor ${name} lies behind the end of the file, which has ${size} bytes: it is cut off. Fetch this file again.`,
      );
    }
    entries.push([name, { dtype, shape, from: { file: path, offset: 8 + length + range[0] } }]);
  }
  return entries;
}
