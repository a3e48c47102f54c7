/**
 * Files of a pack on the disk, for the engine. Every piece was verified before the pack became complete. A content whose
 * length or time of change is not what it was then is hashed again, piece by piece, before anything of it is handed out.
 */
import { EngineError } from '../errors.ts';
import type { DiskReader } from './disk.ts';
import { manifestLock, type Release } from './locks.ts';
import { type Manifest, PIECE_BYTES } from './manifest.ts';
import type { PackFiles, ShardPart } from './pack-files.ts';
import { isPiece, type PackPlan, type PlannedFile, pieceRange, plannedFile } from './pack-plan.ts';
import type { PackStore } from './pack-store.ts';
import type { StoredId } from './protocol.ts';
import { sha256Hex } from './store.ts';

interface Opened {
  readonly reader: DiskReader;
  /** Pieces that were not hashed again yet; null when nothing gives reason to. */
  readonly unsure: Set<number> | null;
}

export class StoredFiles implements PackFiles {
  readonly #store: PackStore;
  readonly #plan: PackPlan;
  readonly #stamps: Readonly<Record<string, number>>;
  readonly #open = new Map<string, Promise<Opened>>();
  readonly #release: Release;

  private constructor(store: PackStore, plan: PackPlan, stamps: Readonly<Record<string, number>>, release: Release) {
    this.#store = store;
    this.#plan = plan;
    this.#stamps = stamps;
    this.#release = release;
  }

  /**
   * Until it is closed nobody removes this version.
   *
   * @throws EngineError 'pack-missing' when it is not stored, or not all of it; 'pack-damaged'
   */
  static async open(store: PackStore, id: StoredId): Promise<StoredFiles> {
    const plan = await store.plan(id);
    const values = { file: id.name };
    if (!plan) throw new EngineError('pack-missing', `pack ${id.name} ${id.version} is not stored`, values);
    const release = await manifestLock(id.name, await sha256Hex(plan.manifestBytes));
    if (!release) throw new EngineError('pack-missing', `pack ${id.name} ${id.version} is being removed`, values);
    try {
      const record = await store.record(id);
      if (!record.complete) throw new EngineError('pack-missing', `pack ${id.name} is not complete`, values);
      await store.writeRecord(id, { ...record, lastUsed: Date.now() });
      return new StoredFiles(store, plan, record.stamps, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  get manifest(): Manifest {
    return this.#plan.manifest;
  }

  async prepare(onProgress: (done: number, total: number) => void): Promise<void> {
    onProgress(this.#plan.bytes, this.#plan.bytes);
  }

  /** Graphs and other small files; hashed whenever they are read, for it costs nothing beside what follows. */
  async file(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const file = plannedFile(this.#plan, name);
    const { reader } = await this.#opened(file);
    const bytes = new Uint8Array(file.bytes);
    await this.#read(file, reader, bytes, 0);
    for (let piece = 0; piece < file.pieces.length; piece++) {
      const { at, bytes: length } = pieceRange(file, piece);
      if (!(await isPiece(file, piece, bytes.subarray(at, at + length)))) throw broken(file, piece);
    }
    return bytes;
  }

  async range(part: ShardPart): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(part.bytes);
    await this.readInto(part, bytes);
    return bytes;
  }

  async readInto(part: ShardPart, target: Uint8Array): Promise<void> {
    const file = plannedFile(this.#plan, part.shard);
    if (part.offset + part.bytes > file.bytes) throw new EngineError('pack-damaged', `${part.shard} ends earlier`);
    const { reader, unsure } = await this.#opened(file);
    if (unsure && unsure.size > 0) await this.#rehash(file, reader, unsure, part);
    await this.#read(file, reader, target.subarray(0, part.bytes), part.offset);
  }

  trim(): void {}

  close(): void {
    for (const opening of this.#open.values()) void opening.then(({ reader }) => reader.close()).catch(() => undefined);
    this.#open.clear();
    this.#release();
  }

  #opened(file: PlannedFile): Promise<Opened> {
    const known = this.#open.get(file.key) ?? this.#openFile(file);
    this.#open.set(file.key, known);
    known.catch(() => this.#open.delete(file.key));
    return known;
  }

  async #openFile(file: PlannedFile): Promise<Opened> {
    const path = this.#store.contentPath(this.#plan.id.name, file.key);
    const stat = await this.#store.disk.stat(path);
    if (!stat || stat.bytes < file.bytes) throw broken(file, Math.floor((stat?.bytes ?? 0) / PIECE_BYTES));
    const odd = stat.bytes !== file.bytes || stat.modified !== this.#stamps[file.key];
    const unsure = odd ? new Set(file.pieces.keys()) : null;
    return { reader: await this.#store.disk.openRead(path), unsure };
  }

  async #rehash(file: PlannedFile, reader: DiskReader, unsure: Set<number>, part: ShardPart): Promise<void> {
    const last = Math.floor((part.offset + part.bytes - 1) / PIECE_BYTES);
    for (let piece = Math.floor(part.offset / PIECE_BYTES); piece <= last; piece++) {
      if (!unsure.has(piece)) continue;
      const { at, bytes } = pieceRange(file, piece);
      const held = new Uint8Array(bytes);
      await this.#read(file, reader, held, at);
      if (!(await isPiece(file, piece, held))) throw broken(file, piece);
      unsure.delete(piece);
    }
  }

  async #read(file: PlannedFile, reader: DiskReader, target: Uint8Array, at: number): Promise<void> {
    const count = await reader.read(target, at);
    if (count !== target.byteLength) throw broken(file, Math.floor((at + count) / PIECE_BYTES));
  }
}

function broken(file: PlannedFile, piece: number): EngineError {
  const values = { file: file.name, piece };
  return new EngineError('pack-damaged', `${file.name} on this device is damaged in piece ${piece}`, values);
}
