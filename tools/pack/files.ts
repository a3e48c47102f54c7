/** Hashes of a pack's files, whole and by piece. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, PIECE_BYTES } from '../../workers/packs/manifest.ts';

export type FileSpec = Manifest['files'][string];

/** SHA-256 of bytes that come in parts, and of every piece of `PIECE_BYTES`. */
export class FileHash {
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
