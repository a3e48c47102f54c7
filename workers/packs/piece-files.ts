/**
 * The contents of a pack that are being written: a piece is hashed, and written only where it is what it should be. On a thread of
 * its own for large packs (`piece-thread.ts`), right here for small ones and in Node.
 */
import type { Memory } from './byte-reader.ts';
import type { Disk, DiskFile } from './disk.ts';
import { sha256Hex } from './store.ts';

/** Paths are the disk's. Everything may fail as the disk does: QuotaExceededError, NoModificationAllowedError. */
export interface PieceFiles {
  /** Makes a file so long, where it is shorter. */
  reserve(path: string, bytes: number): Promise<void>;
  /**
   * Takes the first `bytes` of `memory`, whose views end with this call. Answers false, and writes nothing, when their SHA-256
   * (lower-case hex) is another.
   */
  put(path: string, at: number, memory: Memory, bytes: number, sha256: string): Promise<boolean>;
  /** What there is of so many bytes. */
  read(path: string, at: number, bytes: number): Promise<Uint8Array<ArrayBuffer>>;
  /** What was put so far outlives a crash of the machine after this. */
  flush(): Promise<void>;
  /** Lets all files go; flushed. */
  close(): Promise<void>;
}

/** Handles that stay open; every browser allows far more. Most packs have fewer contents: none is opened twice. */
const OPEN_FILES = 64;
/** Bytes of one write. Linux looks for larger pages for larger ones: 8 MiB at once took up to ten times as long, measured. */
const WRITE = 2 ** 20;

export class OpenFiles implements PieceFiles {
  readonly #disk: Disk;
  /** By path, in order of last use. */
  readonly #open = new Map<string, DiskFile>();
  /** Asked for by several pieces at the same time. */
  readonly #opening = new Map<string, Promise<DiskFile>>();
  /** Written to since their last flush. */
  readonly #dirty = new Set<DiskFile>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  async reserve(path: string, bytes: number): Promise<void> {
    const file = await this.#file(path);
    if (file.getSize() < bytes) file.truncate(bytes);
  }

  put(path: string, at: number, memory: Memory, bytes: number, sha256: string): Promise<boolean> {
    return this.putBytes(path, at, memory.view(0, bytes), sha256);
  }

  async putBytes(path: string, at: number, bytes: Uint8Array<ArrayBuffer>, sha256: string): Promise<boolean> {
    if ((await sha256Hex(bytes)) !== sha256) return false;
    const file = await this.#file(path);
    for (let done = 0; done < bytes.byteLength; done += WRITE) {
      const part = bytes.subarray(done, done + WRITE);
      if (file.write(part, { at: at + done }) !== part.byteLength) {
        throw new DOMException('short write', 'QuotaExceededError');
      }
    }
    this.#dirty.add(file);
    return true;
  }

  async read(path: string, at: number, bytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const target = new Uint8Array(bytes);
    const written = this.#open.get(path) ?? (await this.#opening.get(path));
    if (written) return target.subarray(0, written.read(target, { at }));
    // An engine may have it open, of an older version for example: it shares files with readers alone.
    const reader = await this.#disk.openRead(path);
    try {
      return target.subarray(0, await reader.read(target, at));
    } finally {
      reader.close();
    }
  }

  async flush(): Promise<void> {
    for (const file of this.#dirty) file.flush();
    this.#dirty.clear();
  }

  async close(): Promise<void> {
    // One that can't be flushed must not keep the others locked.
    const failures: unknown[] = [];
    for (const path of [...this.#open.keys()]) {
      try {
        this.#close(path);
      } catch (cause) {
        failures.push(cause);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async #file(path: string): Promise<DiskFile> {
    const known = this.#open.get(path);
    if (known) {
      this.#open.delete(path);
      this.#open.set(path, known);
      return known;
    }
    const opening = this.#opening.get(path) ?? this.#openFile(path);
    this.#opening.set(path, opening);
    return opening.finally(() => this.#opening.delete(path));
  }

  async #openFile(path: string): Promise<DiskFile> {
    const file = await this.#disk.openWrite(path);
    const [oldest] = this.#open.keys();
    if (oldest !== undefined && this.#open.size >= OPEN_FILES) this.#close(oldest);
    this.#open.set(path, file);
    return file;
  }

  #close(path: string): void {
    const file = this.#open.get(path);
    this.#open.delete(path);
    if (!file) return;
    try {
      if (this.#dirty.delete(file)) file.flush();
    } finally {
      file.close();
    }
  }
}
