/** Where an opened pack reads its files: `url-files.ts` (served, kept in Cache Storage) or `stored-files.ts` (the disk). */
import type { Manifest, WeightSpec } from './manifest.ts';

export type ShardPart = Pick<WeightSpec, 'shard' | 'offset' | 'bytes'>;

/** Everything that is handed out was verified against the manifest. Methods throw EngineError 'pack-missing', 'pack-damaged'. */
export interface PackFiles {
  readonly manifest: Manifest;
  /** Makes every file ready, so that the pack works offline from here on. */
  prepare(onProgress: (done: number, total: number) => void): Promise<void>;
  /** A whole file: a graph, not a shard of gigabytes. */
  file(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** A part of a shard; valid until the next call. */
  range(part: ShardPart): Promise<Uint8Array<ArrayBuffer>>;
  /** The same into memory of the caller, e.g. a mapped staging buffer, which must hold at least `part.bytes`. */
  readInto(part: ShardPart, target: Uint8Array): Promise<void>;
  /** Lets memory go that reading left behind. */
  trim(): void;
  /** Lets the files go. */
  close(): void;
}
