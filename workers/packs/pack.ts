/** A pack that was opened: its manifest, its files wherever they lie, its graphs looked through before a session sees them. */
import { EngineError } from '../errors.ts';
import { checkGraph } from './graph-check.ts';
import { type Manifest, PARTS, type Part } from './manifest.ts';
import { requireParts } from './manifest-load.ts';
import type { PackFiles, ShardPart } from './pack-files.ts';
import type { Store } from './store.ts';
import { UrlFiles } from './url-files.ts';

export class Pack {
  readonly manifest: Manifest;
  readonly #files: PackFiles;
  readonly #checkedGraphs = new Set<string>();

  readonly #onClose: () => void;

  /** @param onClose told once the files are let go, e.g. to give a lock back */
  constructor(files: PackFiles, needed: readonly Part[] = PARTS, onClose: () => void = () => undefined) {
    requireParts(files.manifest, needed);
    this.manifest = files.manifest;
    this.#files = files;
    this.#onClose = onClose;
  }

  /**
   * Opens a pack that is served.
   *
   * @param url folder of the pack, ending in "/"
   * @param needed parts that the pack must have
   * @throws EngineError 'pack-missing', 'pack-damaged', 'pack-incomplete'
   */
  static async open(store: Store, url: string, needed: readonly Part[] = PARTS): Promise<Pack> {
    return new Pack(await UrlFiles.open(store, url), needed);
  }

  /** Bytes of all files. */
  get bytes(): number {
    return Object.values(this.manifest.files).reduce((sum, file) => sum + file.bytes, 0);
  }

  /** Stores every file that is not stored yet, so that the pack works offline from here on. */
  prepare(onProgress: (done: number, total: number) => void): Promise<void> {
    return this.#files.prepare(onProgress);
  }

  /**
   * A whole file, verified; a graph has only nodes that the pack builder writes.
   *
   * @throws EngineError 'pack-missing', 'pack-damaged'
   */
  async file(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.#files.file(name);
    if (name.endsWith('.onnx') && !this.#checkedGraphs.has(name)) {
      this.#checkGraph(name, bytes);
      this.#checkedGraphs.add(name);
    }
    return bytes;
  }

  /** A part of a shard; valid until the next call. */
  range(part: ShardPart): Promise<Uint8Array<ArrayBuffer>> {
    return this.#files.range(part);
  }

  /** The same into memory of the caller, e.g. a mapped staging buffer, which must hold at least `part.bytes`. */
  readInto(part: ShardPart, target: Uint8Array): Promise<void> {
    return this.#files.readInto(part, target);
  }

  /** Lets the shards in memory go. */
  trim(): void {
    this.#files.trim();
  }

  /** Lets the files go: a stored pack can be changed or removed after that. */
  close(): void {
    this.#files.close();
    this.#onClose();
  }

  /** Every graph of the manifest that names the file must fit it. */
  #checkGraph(name: string, bytes: Uint8Array): void {
    let named = false;
    for (const graph of Object.values(this.manifest.graphs)) {
      for (const variant of graph.variants) {
        if (variant.file !== name) continue;
        named = true;
        checkGraph(name, bytes, graph, variant.mode);
      }
    }
    if (!named) throw new EngineError('pack-damaged', `${name} is not a graph of the pack`);
  }
}
