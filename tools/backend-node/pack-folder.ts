import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { EngineError } from '../../workers/errors.ts';
import { type Manifest, PARTS, type Part, PIECE_BYTES } from '../../workers/packs/manifest.ts';
import { loadManifest, requireParts } from '../../workers/packs/manifest-load.ts';

/** A pack that lies in a folder. Every file is checked against its SHA-256 when it is read, unless it was just written. */
export class PackFolder {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly #checked: boolean;
  /** Pieces of shards that were read last. */
  readonly #pieces = new Map<string, Uint8Array>();
  #held = 0;

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

  /** A part of a shard, each piece that it touches checked against its own hash. */
  async range(shard: string, offset: number, bytes: number): Promise<Uint8Array> {
    if (!this.#checked) return readPart(join(this.folder, shard), offset, bytes);
    const out = new Uint8Array(bytes);
    for (let at = offset; at < offset + bytes; ) {
      const index = Math.floor(at / PIECE_BYTES);
      const start = index * PIECE_BYTES;
      const piece = await this.#piece(shard, index);
      const part = piece.subarray(at - start, Math.min(piece.length, offset + bytes - start));
      if (part.length === 0) throw new EngineError('pack-damaged', `${shard} ends before ${offset + bytes}`);
      out.set(part, at - offset);
      at += part.length;
    }
    return out;
  }

  async #piece(shard: string, index: number): Promise<Uint8Array> {
    const key = `${shard}:${index}`;
    const known = this.#pieces.get(key);
    if (known) return known;
    const spec = this.manifest.files[shard];
    if (!spec) throw new EngineError('pack-damaged', `${shard} is not a file of the pack`);
    const path = join(this.folder, shard);
    const start = index * PIECE_BYTES;
    const bytes = await readPart(path, start, Math.max(0, Math.min(PIECE_BYTES, spec.bytes - start)));
    const hash = createHash('sha256').update(bytes).digest('hex');
    if (hash !== spec.pieces[index]) throw new EngineError('pack-damaged', `${path} has changed`);
    for (const [oldest, { length }] of this.#pieces) {
      if (this.#held + bytes.length <= HELD_BYTES) break;
      this.#pieces.delete(oldest);
      this.#held -= length;
    }
    this.#pieces.set(key, bytes);
    this.#held += bytes.length;
    return bytes;
  }

  forget(): void {
    this.#pieces.clear();
    this.#held = 0;
  }
}

/** Small weights lie side by side in a piece; large ones come by once. */
const HELD_BYTES = 256 * 1024 ** 2;

async function readPart(path: string, offset: number, bytes: number): Promise<Uint8Array> {
  const file = await open(path, 'r').catch((cause) => {
    throw new EngineError('pack-missing', `can't read ${path}: ${cause instanceof Error ? cause.message : cause}`);
  });
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
