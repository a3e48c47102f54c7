/**
 * The one way for bytes of a pack onto the disk: a piece is hashed, written, journalled, and only then counts. Pieces come
 * in any order. The caller holds the pack's lock.
 */
import { EngineError } from '../errors.ts';
import type { Memory } from './byte-reader.ts';
import { Journal } from './journal.ts';
import { isPiece, type PackPlan, type PlannedFile, pieceRange } from './pack-plan.ts';
import type { PackStore } from './pack-store.ts';
import { OpenFiles, type PieceFiles } from './piece-files.ts';
import { PieceThread } from './piece-thread.ts';

/** Files that are opened at the same time when room is made; fewer than stay open. */
const OPEN_TOGETHER = 8;
/** Bytes between two flushes: what a crash of the machine can make unsure. By bytes: a flush of a small file takes as long. */
const CHECKPOINT = 128 * 2 ** 20;
/** Smaller packs are written before a thread for it has started. */
const THREAD_BYTES = 64 * 2 ** 20;

export interface Piece {
  readonly file: PlannedFile;
  readonly piece: number;
}

export class PackWriter {
  readonly plan: PackPlan;
  readonly #store: PackStore;
  readonly #journal: Journal;
  readonly #files: PieceFiles;
  /** Bytes since the last checkpoint. */
  #unflushed = 0;
  /** The checkpoint that is under way, or the last one. */
  #checkpointed: Promise<void> = Promise.resolve();
  #done = 0;

  private constructor(store: PackStore, plan: PackPlan, journal: Journal, files: PieceFiles) {
    this.#store = store;
    this.plan = plan;
    this.#journal = journal;
    this.#files = files;
  }

  /**
   * @param onHashed told bytes of pieces that had to be hashed again after a crash, before they count
   * @param files where the contents go, the store's disk where absent
   */
  static async open(
    store: PackStore,
    plan: PackPlan,
    onHashed?: (bytes: number) => void,
    files?: PieceFiles,
  ): Promise<PackWriter> {
    const journal = await Journal.open(store.disk, store.journalPath(plan.id.name));
    const writer = new PackWriter(store, plan, journal, files ?? (await filesFor(store, plan)));
    try {
      await writer.#settle(onHashed);
      return writer;
    } catch (error) {
      // Without a checkpoint: what was not hashed yet is as unsure as before.
      await writer.#letGo();
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
      const some = files
        .slice(at, at + OPEN_TOGETHER)
        .map((file) => this.#full(file.bytes, () => this.#files.reserve(this.#path(file), file.bytes)));
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
    const { at, bytes } = pieceRange(file, piece);
    return this.#full(bytes, async () => {
      const good = await this.#files.put(this.#path(file), at, memory, bytes, file.pieces[piece] ?? '');
      // A line above the mark of a checkpoint says that its piece was flushed: this one may have come too late for that.
      await this.#checkpointed;
      if (!good || this.has(file, piece)) return good;
      this.#journal.add(file.key, piece);
      this.#done += bytes;
      this.#unflushed += bytes;
      if (this.#unflushed >= CHECKPOINT) await this.#checkpoint();
      return true;
    });
  }

  /** A content as a whole, as it is on the disk. For small ones. */
  read(file: PlannedFile): Promise<Uint8Array<ArrayBuffer>> {
    return this.#files.read(this.#path(file), 0, file.bytes);
  }

  /** Lets all files go; everything that was put stays. */
  async close(): Promise<void> {
    try {
      await this.#checkpoint();
    } catch (error) {
      // No room for one more line: the pieces since the last one are hashed again next time.
      if (!isFull(error)) throw error;
    } finally {
      await this.#letGo();
    }
  }

  #letGo(): Promise<void> {
    return this.#files.close().finally(() => this.#journal.close());
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
    return isPiece(file, piece, await this.#files.read(this.#path(file), at, bytes));
  }

  #path(file: PlannedFile): string {
    return this.#store.contentPath(this.plan.id.name, file.key);
  }

  #checkpoint(): Promise<void> {
    this.#unflushed = 0;
    this.#checkpointed = this.#files.flush().then(() => this.#journal.checkpoint());
    return this.#checkpointed;
  }

  async #full<T>(needed: number, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isFull(error)) throw new EngineError('storage-full', String(error), { needed });
      if (isLocked(error)) throw new EngineError('pack-busy', String(error));
      throw error;
    }
  }
}

async function filesFor(store: PackStore, plan: PackPlan): Promise<PieceFiles> {
  const thread = plan.bytes < THREAD_BYTES ? null : await PieceThread.start();
  return thread ?? new OpenFiles(store.disk);
}

/** Browsers name it, also where it comes from another thread; Node's file system says ENOSPC. */
export const isFull = (error: unknown) =>
  isNamed(error, 'QuotaExceededError') || (error instanceof Error && 'code' in error && error.code === 'ENOSPC');

export const isLocked = (error: unknown) => isNamed(error, 'NoModificationAllowedError');

const isNamed = (error: unknown, name: string) =>
  (error instanceof DOMException || error instanceof Error) && error.name === name;
