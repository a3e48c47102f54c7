/** Packs for tests: the embedded pack under another name, with as many megabytes more as a test wants. */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PIECE_BYTES } from '../../workers/packs/manifest.ts';
import { loadManifest } from '../../workers/packs/manifest-load.ts';

const EMBEDDED = fileURLToPath(new URL('../../public/packs/small/', import.meta.url));

export interface TestPack {
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** All files but the manifest. */
  readonly bytes: number;
}

/**
 * @param extra name to bytes of files beside those of the embedded pack; the engine never reads them
 */
export function writeTestPack(
  folder: string,
  name: string,
  version: string,
  extra: Readonly<Record<string, Uint8Array>> = {},
): TestPack {
  mkdirSync(folder, { recursive: true });
  cpSync(EMBEDDED, folder, { recursive: true });
  const manifest = loadManifest(readFileSync(join(EMBEDDED, 'manifest.json')));
  manifest.name = name;
  manifest.version = version;
  for (const [file, bytes] of Object.entries(extra)) {
    writeFileSync(join(folder, file), bytes);
    manifest.files[file] = { bytes: bytes.byteLength, sha256: sha256(bytes), pieces: pieceHashes(bytes) };
  }
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  const bytes = Object.values(manifest.files).reduce((sum, file) => sum + file.bytes, 0);
  return { folder, name, version, bytes };
}

export function pieceHashes(bytes: Uint8Array): string[] {
  const hashes: string[] = [];
  for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) hashes.push(sha256(bytes.subarray(at, at + PIECE_BYTES)));
  return hashes;
}

/** Bytes that no compression makes smaller; the same seed gives the same ones. */
export function noiseBytes(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let i = 0; i < words.length; i++) {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
