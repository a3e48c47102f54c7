/**
 * The one way for bytes of a pack onto the disk: a piece is hashed, written, journalled, and only then counts. Pieces come
 * in any order. The caller holds the pack's lock.
 */
import { EngineError } from '../errors.ts';
import type { Memory } from './byte-reader.ts';
import type { DiskFile } from './disk.ts';
import { Hasher } from './hasher.ts';
import { Journal } from './journal.ts';
import { isPiece, type PackPlan, type PlannedFile, pieceRange } from './pack-plan.ts';
import type { PackStore } from './pack-store.ts';

/** Handles that stay open; every browser allows far more. Most packs have fewer contents: none is opened twice. */
const OPEN_FILES = 64;
/** Files that are opened at the same time when room is made; fewer than stay open. */
const OPEN_TOGETHER = 8;
/** Bytes between two flushes: what a crash of the machine can make unsure. By bytes: a flush of a small file takes as long. */
const CHECKPOINT = 128 * 2 ** 20;

export interface Piece {
  readonly file: PlannedFile;
  readonly piece: number;
}

export class PackWriter {
  readonly plan: PackPlan;
  readonly #store: PackStore;
  readonly #journal: Journal;
  readonly #hasher = new Hasher();
  /** In order of last use. */
  readonly #open = new Map<string, DiskFile>();
  /** Asked for by several pieces at the same time. */
  readonly #opening = new Map<string, Promise<DiskFile>>();
  /** Written to since their last flush. */
  readonly #dirty = new Set<DiskFile>();
  /** Bytes since the last checkpoint. */
  #unflushed = 0;
  #done = 0;

  private constructor(store: PackStore, plan: PackPlan, journal: Journal) {
    this.#store = store;
    this.plan = plan;
    this.#journal = journal;
  }

  /** @param onHashed told bytes of pieces that had to be hashed again after a crash, before they count */
  static async open(store: PackStore, plan: PackPlan, onHashed?: (bytes: number) => void): Promise<PackWriter> {
    const journal = await Journal.open(store.disk, store.journalPath(plan.id.name));
    const writer = new PackWriter(store, plan, journal);
    try {
      await writer.#settle(onHashed);
      return writer;
    } catch (error) {
      await writer.close();
      throw error;
    }
  }

  /** Bytes that are verified and written. */
  get done(): number {
    return this.#done;
  }

  has(file: PlannedFile, piece: number): boolean {
    return this.#journal.has(file.key, piece);
  }

  missing(): Piece[] {
    return this.plan.files.flatMap((file) =>
      file.pieces.map((_, piece) => ({ file, piece })).filter(({ piece }) => !this.has(file, piece)),
    );
  }

  /**
   * Makes room for every content before the first byte comes, so that a disk that is too small shows now.
   *
   * @throws EngineError 'storage-full' (values: needed)
   */
  async reserve(): Promise<void> {
    const files = this.plan.files.filter((file) => file.pieces.some((_, piece) => !this.has(file, piece)));
    for (let at = 0; at < files.length; at += OPEN_TOGETHER) {
      const some = files.slice(at, at + OPEN_TOGETHER).map((file) =>
        this.#full(file.bytes, async () => {
          const handle = await this.#handle(file);
          if (handle.getSize() < file.bytes) handle.truncate(file.bytes);
        }),
      );
      // All of them have to be over before a failure is told: the caller closes the files then.
      const failed = (await Promise.allSettled(some)).find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    }
  }

  /**
   * Takes a piece, which lies at the start of `memory`. Answers false, and keeps nothing, when it is not what the manifest says.
   *
   * @throws EngineError 'storage-full'
   */
  async put(file: PlannedFile, piece: number, memory: Memory): Promise<boolean> {
    const { at, bytes: length } = pieceRange(file, piece);
    if ((await this.#hasher.hex(memory, length)) !== file.pieces[piece]) return false;
    const bytes = memory.view(0, length);
    if (this.has(file, piece)) return true;
    await this.#full(length, async () => {
      const handle = await this.#handle(file);
      if (handle.write(bytes, { at }) !== length) throw new DOMException('short write', 'QuotaExceededError');
      this.#dirty.add(handle);
      this.#journal.add(file.key, piece);
      this.#unflushed += length;
      if (this.#unflushed >= CHECKPOINT) this.#checkpoint();
    });
    this.#done += length;
    return true;
  }

  /** A content as a whole, as it is on the disk. For small ones. */
  async read(file: PlannedFile): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(file.bytes);
    const count = (await this.#handle(file)).read(bytes, { at: 0 });
    return bytes.subarray(0, count);
  }

  /** Lets all files go; everything that was put stays. */
  async close(): Promise<void> {
    this.#hasher.close();
    try {
      this.#checkpoint();
    } catch (error) {
      // No room for one more line: the pieces since the last one are hashed again next time.
      if (!isFull(error)) throw error;
    } finally {
      for (const key of [...this.#open.keys()]) this.#close(key);
      this.#journal.close();
    }
  }

  /** Pieces that a crash left unsure are hashed; contents that are too short lose what they can't hold. */
  async #settle(onHashed: (bytes: number) => void = () => undefined): Promise<void> {
    for (const file of this.plan.files) {
      const known = this.#journal.pieces.get(file.key);
      if (!known || known.size === 0) continue;
      const stat = await this.#store.disk.stat(this.#path(file));
      for (const [piece, sure] of [...known]) {
        const { at, bytes } = pieceRange(file, piece);
        const there = piece < file.pieces.length && stat !== null && stat.bytes >= at + bytes;
        if (there && (sure || (await this.#rehash(file, piece)))) {
          if (!sure) onHashed(bytes);
          known.set(piece, true);
          this.#done += bytes;
        } else this.#journal.drop(file.key, piece);
      }
    }
  }

  async #rehash(file: PlannedFile, piece: number): Promise<boolean> {
    const { at, bytes } = pieceRange(file, piece);
    const target = new Uint8Array(bytes);
    (await this.#handle(file)).read(target, { at });
    return isPiece(file, piece, target);
  }

  #path(file: PlannedFile): string {
    return this.#store.contentPath(this.plan.id.name, file.key);
  }

  #checkpoint(): void {
    for (const handle of this.#dirty) handle.flush();
    this.#dirty.clear();
    this.#journal.checkpoint();
    this.#unflushed = 0;
  }

  async #handle(file: PlannedFile): Promise<DiskFile> {
    const known = this.#open.get(file.key);
    if (known) {
      this.#open.delete(file.key);
      this.#open.set(file.key, known);
      return known;
    }
    const opening = this.#opening.get(file.key) ?? this.#openFile(file);
    this.#opening.set(file.key, opening);
    return opening.finally(() => this.#opening.delete(file.key));
  }

  async #openFile(file: PlannedFile): Promise<DiskFile> {
    const handle = await this.#store.disk.openWrite(this.#path(file));
    const [oldest] = this.#open.keys();
    if (oldest !== undefined && this.#open.size >= OPEN_FILES) this.#close(oldest);
    this.#open.set(file.key, handle);
    return handle;
  }

  #close(key: string): void {
    const handle = this.#open.get(key);
    this.#open.delete(key);
    if (!handle) return;
    if (this.#dirty.delete(handle)) handle.flush();
    handle.close();
  }

  async #full(needed: number, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (isFull(error)) throw new EngineError('storage-full', String(error), { needed });
      if (isLocked(error)) throw new EngineError('pack-busy', String(error));
      throw error;
    }
  }
}

/** Browsers name it; Node's file system says ENOSPC. */
export const isFull = (error: unknown) =>
  (error instanceof DOMException && error.name === 'QuotaExceededError') ||
  (error instanceof Error && (error.name === 'QuotaExceededError' || ('code' in error && error.code === 'ENOSPC')));

export const isLocked = (error: unknown) =>
  error instanceof DOMException && error.name === 'NoModificationAllowedError';
