/** Files of a pack while they are written: hashes of whole files and of their pieces, and shards filled in order. */
import { createHash } from 'node:crypto';
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, PIECE_BYTES } from '../../workers/packs/manifest.ts';

export type FileSpec = Manifest['files'][string];

/** SHA-256 of bytes that come in parts, and of every piece of `PIECE_BYTES`. */
class FileHash {
  private readonly whole = createHash('sha256');
  private piece = createHash('sha256');
  private readonly pieces: string[] = [];
  private bytes = 0;

  update(data: Uint8Array): void {
    this.whole.update(data);
    for (let at = 0; at < data.length; ) {
      const room = PIECE_BYTES - (this.bytes % PIECE_BYTES);
      const part = data.subarray(at, at + room);
      this.piece.update(part);
      this.bytes += part.length;
      at += part.length;
      if (this.bytes % PIECE_BYTES === 0) this.endPiece();
    }
  }

  private endPiece(): void {
    this.pieces.push(this.piece.digest('hex'));
    this.piece = createHash('sha256');
  }

  finish(): FileSpec {
    if (this.bytes % PIECE_BYTES !== 0) this.endPiece();
    return { bytes: this.bytes, sha256: this.whole.digest('hex'), pieces: this.pieces };
  }
}

export function fileSpec(data: Uint8Array): FileSpec {
  const hash = new FileHash();
  hash.update(data);
  return hash.finish();
}

/** Writes a small file and gives its entry in the manifest. */
export async function writeWhole(folder: string, name: string, data: Uint8Array): Promise<FileSpec> {
  await writeFile(join(folder, name), data);
  return fileSpec(data);
}

export interface Place {
  readonly shard: string;
  readonly offset: number;
  readonly bytes: number;
}

const ALIGN = 16;

/** Appends tensors to `weights-0.bin`, `weights-1.bin`, …; a new shard starts where the next tensor would not fit. */
export class ShardWriter {
  readonly files: Record<string, FileSpec> = {};
  private readonly folder: string;
  private readonly limit: number;
  private count = 0;
  private current: { name: string; file: FileHandle; hash: FileHash; bytes: number } | null = null;

  /** @param limit bytes a shard */
  constructor(folder: string, limit: number) {
    this.folder = folder;
    this.limit = limit;
  }

  async append(data: Uint8Array, label: string): Promise<Place> {
    if (data.length > this.limit)
      throw new Error(`${label} has ${data.length} bytes, more than a shard of ${this.limit}`);
    const start = this.current === null ? 0 : Math.ceil(this.current.bytes / ALIGN) * ALIGN;
    if (this.current !== null && start + data.length > this.limit) await this.close();
    const shard = this.current ?? (await this.begin());
    await this.write(shard, new Uint8Array((ALIGN - (shard.bytes % ALIGN)) % ALIGN));
    const place = { shard: shard.name, offset: shard.bytes, bytes: data.length };
    await this.write(shard, data);
    return place;
  }

  private async begin() {
    const name = `weights-${this.count++}.bin`;
    this.current = { name, file: await open(join(this.folder, name), 'w'), hash: new FileHash(), bytes: 0 };
    return this.current;
  }

  private async write(shard: NonNullable<typeof this.current>, data: Uint8Array): Promise<void> {
    if (data.length === 0) return;
    await shard.file.writeFile(data);
    shard.hash.update(data);
    shard.bytes += data.length;
  }

  async close(): Promise<void> {
    const shard = this.current;
    if (shard === null) return;
    this.current = null;
    await shard.file.close();
    this.files[shard.name] = shard.hash.finish();
  }
}
