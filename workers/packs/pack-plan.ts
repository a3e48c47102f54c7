/** What of a manifest has to lie on the disk: contents, each once, in pieces with their hashes. */
import { EngineError } from '../errors.ts';
import type { Manifest } from './manifest.ts';
import { PIECE_BYTES } from './manifest.ts';
import { loadManifest } from './manifest-load.ts';
import type { StoredId } from './protocol.ts';
import { sha256Hex } from './store.ts';

export interface PlannedFile {
  /** One of the names that the content has in the manifest. */
  readonly name: string;
  /**
   * Name of the content on the disk: SHA-256 of its length and of its pieces' hashes. Only pieces are ever checked, so
   * the manifest's hash of the whole file can't name a content: a manifest could claim another's.
   */
  readonly key: string;
  readonly bytes: number;
  /** SHA-256 of each piece, lower-case hex. */
  readonly pieces: readonly string[];
}

export interface PackPlan {
  readonly id: StoredId;
  readonly manifest: Manifest;
  /** The manifest as it came: that is what is stored. */
  readonly manifestBytes: Uint8Array<ArrayBuffer>;
  /** Contents, each once, small ones first: a pack that can't run shows before gigabytes were fetched. */
  readonly files: readonly PlannedFile[];
  /** File name to content. */
  readonly byName: ReadonlyMap<string, PlannedFile>;
  /** Bytes of all contents. */
  readonly bytes: number;
}

/** @throws EngineError 'pack-damaged' */
export async function planPack(manifestBytes: Uint8Array<ArrayBuffer>): Promise<PackPlan> {
  const manifest = loadManifest(manifestBytes);
  const { name, version } = manifest;
  const byName = new Map<string, PlannedFile>();
  const byKey = new Map<string, PlannedFile>();
  for (const [file, { bytes, pieces }] of Object.entries(manifest.files)) {
    const key = await sha256Hex(new TextEncoder().encode(`${bytes}:${pieces.join(',')}`));
    const planned = byKey.get(key) ?? { name: file, key, bytes, pieces };
    byKey.set(key, planned);
    byName.set(file, planned);
  }
  const files = [...byKey.values()].sort((a, b) => a.bytes - b.bytes);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { id: { name, version }, manifest, manifestBytes, files, byName, bytes };
}

/** Start and length of a piece in its file. */
export function pieceRange(file: Pick<PlannedFile, 'bytes'>, piece: number): { at: number; bytes: number } {
  const at = piece * PIECE_BYTES;
  return { at, bytes: Math.min(PIECE_BYTES, file.bytes - at) };
}

/** True when `bytes` are what the manifest says of that piece. */
export async function isPiece(file: PlannedFile, piece: number, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
  if (bytes.byteLength !== pieceRange(file, piece).bytes) return false;
  return (await sha256Hex(bytes)) === file.pieces[piece];
}

/** The file of that name, which the manifest must have. */
export function plannedFile(plan: PackPlan, name: string): PlannedFile {
  const file = plan.byName.get(name);
  if (!file) throw new EngineError('pack-damaged', `${name} is not a file of the pack`, { file: name });
  return file;
}
