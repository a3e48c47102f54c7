/** Files of a pack that is served: each is fetched once, whole, and kept by the `Store`. For packs of a few megabytes. */
import { EngineError } from '../errors.ts';
import type { Manifest } from './manifest.ts';
import { loadManifest } from './manifest-load.ts';
import type { PackFiles, ShardPart } from './pack-files.ts';
import type { Store } from './store.ts';

/** Shards that stay in memory while weights are read from them; at least the last one always does. */
const KEPT_SHARD_BYTES = 48 * 1024 * 1024;

export class UrlFiles implements PackFiles {
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
   */
  static async open(store: Store, url: string): Promise<UrlFiles> {
    const manifestUrl = new URL('manifest.json', url).href;
    const manifest = loadManifest(await store.fetchFresh(manifestUrl));
    const files = new UrlFiles(store, url, manifest);
    await store.prune(url, new Set([manifestUrl, ...Object.keys(manifest.files).map((name) => files.#urlOf(name))]));
    return files;
  }

  async prepare(onProgress: (done: number, total: number) => void): Promise<void> {
    const files = Object.entries(this.manifest.files);
    const total = files.reduce((sum, [, file]) => sum + file.bytes, 0);
    let before = 0;
    for (const [name, file] of files) {
      const onBytes = (received: number) => onProgress(before + received, total);
      await this.#store.ensure(this.#urlOf(name), { sha256: file.sha256, onBytes });
      before += file.bytes;
      onProgress(before, total);
    }
  }

  async file(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const spec = Object.hasOwn(this.manifest.files, name) ? this.manifest.files[name] : undefined;
    if (!spec) throw new EngineError('pack-damaged', `${name} is not a file of the pack`);
    const bytes = await this.#store.fetchStored(this.#urlOf(name), { sha256: spec.sha256 });
    if (bytes.byteLength !== spec.bytes)
      throw new EngineError('pack-damaged', `${name} is not ${spec.bytes} bytes long`);
    return bytes;
  }

  async range(part: ShardPart): Promise<Uint8Array<ArrayBuffer>> {
    let shard = this.#shards.get(part.shard);
    if (!shard) {
      shard = await this.file(part.shard);
      this.#shards.set(part.shard, shard);
      this.#trimShards();
    }
    return shard.subarray(part.offset, part.offset + part.bytes);
  }

  async readInto(part: ShardPart, target: Uint8Array): Promise<void> {
    target.set(await this.range(part));
  }

  trim(): void {
    this.#shards.clear();
  }

  close(): void {
    this.trim();
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
