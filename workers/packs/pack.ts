/** A pack that was opened: its manifest, and its files through the store. */
import { EngineError } from '../errors.ts';
import { type Manifest, PARTS, type Part, type WeightSpec } from './manifest.ts';
import { loadManifest, requireParts } from './manifest-load.ts';
import type { Store } from './store.ts';

/** Shards that stay in memory while weights are read from them; at least the last one always does. */
const KEPT_SHARD_BYTES = 48 * 1024 * 1024;

export class Pack {
  readonly manifest: Manifest;
  readonly #store: Store;
  readonly #url: string;
  readonly #shards = new Map<string, Uint8Array<ArrayBuffer>>();

  private constructor(store: Store, url: string, manifest: Manifest) {
    this.#store = store;
    this.#url = url;
    this.manifest = manifest;
  }

  /**
   * Reads and checks the manifest. Files that an older version of the pack left behind are deleted.
   *
   * @param url folder of the pack, ending in "/"
   * @param needed parts that the pack must have
   * @throws EngineError 'pack-missing', 'pack-damaged', 'pack-incomplete'
   */
  static async open(store: Store, url: string, needed: readonly Part[] = PARTS): Promise<Pack> {
    const manifestUrl = new URL('manifest.json', url).href;
    const manifest = loadManifest(await store.fetchFresh(manifestUrl));
    requireParts(manifest, needed);
    const pack = new Pack(store, url, manifest);
    await store.prune(url, new Set([manifestUrl, ...Object.keys(manifest.files).map((name) => pack.#urlOf(name))]));
    return pack;
  }

  /** Bytes of all files. */
  get bytes(): number {
    return Object.values(this.manifest.files).reduce((sum, file) => sum + file.bytes, 0);
  }

  /** Stores every file that is not stored yet, so that the pack works offline from here on. */
  async prepare(onProgress: (done: number, total: number) => void): Promise<void> {
    const total = this.bytes;
    let before = 0;
    for (const [name, file] of Object.entries(this.manifest.files)) {
      const onBytes = (received: number) => onProgress(before + received, total);
      await this.#store.ensure(this.#urlOf(name), { sha256: file.sha256, onBytes });
      before += file.bytes;
      onProgress(before, total);
    }
  }

  /** A whole file, checked against its hash. */
  async file(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const spec = Object.hasOwn(this.manifest.files, name) ? this.manifest.files[name] : undefined;
    if (!spec) throw new EngineError('pack-damaged', `${name} is not a file of the pack`);
    return this.#store.fetchStored(this.#urlOf(name), { sha256: spec.sha256 });
  }

  /** A part of a shard; valid until the next call. */
  async range(part: Pick<WeightSpec, 'shard' | 'offset' | 'bytes'>): Promise<Uint8Array<ArrayBuffer>> {
    let shard = this.#shards.get(part.shard);
    if (!shard) {
      shard = await this.file(part.shard);
      this.#shards.set(part.shard, shard);
      this.#trimShards();
    }
    return shard.subarray(part.offset, part.offset + part.bytes);
  }

  /** Lets the shards in memory go. */
  trim(): void {
    this.#shards.clear();
  }

  #trimShards(): void {
    let held = [...this.#shards.values()].reduce((sum, shard) => sum + shard.byteLength, 0);
    for (const [name, shard] of this.#shards) {
      if (held <= KEPT_SHARD_BYTES || this.#shards.size === 1) return;
      this.#shards.delete(name);
      held -= shard.byteLength;
    }
  }

  #urlOf(name: string): string {
    return new URL(name, this.#url).href;
  }
}
