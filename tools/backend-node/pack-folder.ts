import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { EngineError } from '../../workers/errors.ts';
import type { Manifest } from '../../workers/packs/manifest.ts';
import { loadManifest } from '../../workers/packs/manifest-load.ts';

/** A pack that lies in a folder. Every file is checked against its SHA-256 when it is read. */
export class PackFolder {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly #shards = new Map<string, Promise<Uint8Array>>();

  private constructor(folder: string, manifest: Manifest) {
    this.folder = folder;
    this.manifest = manifest;
  }

  /** @throws EngineError 'pack-missing' without a manifest, 'pack-damaged' with a bad one */
  static async open(folder: string): Promise<PackFolder> {
    const path = resolve(folder);
    return new PackFolder(path, loadManifest(await read(join(path, 'manifest.json'))));
  }

  /** @throws EngineError 'pack-missing' when the file is not there, 'pack-damaged' when its hash is another */
  async file(name: string): Promise<Uint8Array> {
    const spec = this.manifest.files[name];
    if (!spec) throw new EngineError('pack-damaged', `${name} is not a file of the pack`);
    const bytes = await read(join(this.folder, name));
    const hash = createHash('sha256').update(bytes).digest('hex');
    if (hash !== spec.sha256) throw new EngineError('pack-damaged', `${join(this.folder, name)} has changed`);
    return bytes;
  }

  /** A part of a shard. Shards stay in memory: packs for Node are small, and `forget` lets them go. */
  async range(shard: string, offset: number, bytes: number): Promise<Uint8Array> {
    const known = this.#shards.get(shard) ?? this.file(shard);
    this.#shards.set(shard, known);
    return (await known).subarray(offset, offset + bytes);
  }

  forget(): void {
    this.#shards.clear();
  }
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new EngineError('pack-missing', `can't read ${path}: ${cause instanceof Error ? cause.message : cause}`);
  }
}
