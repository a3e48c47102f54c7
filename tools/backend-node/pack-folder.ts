import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { EngineError } from '../../workers/errors.ts';
import { type Manifest, PARTS, type Part } from '../../workers/packs/manifest.ts';
import { loadManifest, requireParts } from '../../workers/packs/manifest-load.ts';

/** A pack that lies in a folder. Every file is checked against its SHA-256 when it is read, unless it was just written. */
export class PackFolder {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly #checked: boolean;
  readonly #shards = new Map<string, Promise<Uint8Array>>();

  private constructor(folder: string, manifest: Manifest, checked: boolean) {
    this.folder = folder;
    this.manifest = manifest;
    this.#checked = checked;
  }

  /** A pack that this program is writing: files are taken as they are, and shards are read by ranges. */
  static unchecked(folder: string, manifest: Manifest): PackFolder {
    return new PackFolder(resolve(folder), manifest, false);
  }

  /**
   * @param needed parts that the pack must have
   * @throws EngineError 'pack-missing' without a manifest, 'pack-damaged' with a bad one, 'pack-incomplete'
   */
  static async open(folder: string, needed: readonly Part[] = PARTS): Promise<PackFolder> {
    const path = resolve(folder);
    const manifest = loadManifest(await read(join(path, 'manifest.json')));
    requireParts(manifest, needed);
    return new PackFolder(path, manifest, true);
  }

  /** @throws EngineError 'pack-missing' when the file is not there, 'pack-damaged' when its hash is another */
  async file(name: string): Promise<Uint8Array> {
    if (!this.#checked) return read(join(this.folder, name));
    const spec = this.manifest.files[name];
    if (!spec) throw new EngineError('pack-damaged', `${name} is not a file of the pack`);
    const bytes = await read(join(this.folder, name));
    const hash = createHash('sha256').update(bytes).digest('hex');
    if (hash !== spec.sha256) throw new EngineError('pack-damaged', `${join(this.folder, name)} has changed`);
    return bytes;
  }

  /** A part of a shard. Checked shards stay in memory: packs for Node are small, and `forget` lets them go. */
  async range(shard: string, offset: number, bytes: number): Promise<Uint8Array> {
    if (!this.#checked) return readPart(join(this.folder, shard), offset, bytes);
    const known = this.#shards.get(shard) ?? this.file(shard);
    this.#shards.set(shard, known);
    return (await known).subarray(offset, offset + bytes);
  }

  forget(): void {
    this.#shards.clear();
  }
}

async function readPart(path: string, offset: number, bytes: number): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const part = new Uint8Array(bytes);
    const { bytesRead } = await file.read(part, 0, bytes, offset);
    if (bytesRead !== bytes) throw new EngineError('pack-damaged', `${path} ends before ${offset + bytes}`);
    return part;
  } finally {
    await file.close();
  }
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new EngineError('pack-missing', `can't read ${path}: ${cause instanceof Error ? cause.message : cause}`);
  }
}
