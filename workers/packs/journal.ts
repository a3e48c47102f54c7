/**
 * Which pieces of a pack's contents are on the disk and verified. An append-only text file: a line is written only after
 * its piece, so a killed tab loses the pieces in flight and nothing else; a torn last line is dropped.
 *
 *   +<key> <piece>   verified and written
 *   -<key> <piece>   found to be broken
 *   =                everything above was flushed to the disk
 *
 * Pieces behind the last "=" are unsure after a crash of the machine: they are hashed again before they count.
 */
import type { Disk, DiskFile } from './disk.ts';
import { readSmall } from './disk.ts';

/** Lines of about 70 bytes: far more pieces than a pack may have. Longer ones are written anew. */
const COMPACT_BYTES = 2 ** 20;
const MAX_BYTES = 64 * 2 ** 20;
const LINE = /^([+-])([0-9a-f]{64}) (\d{1,5})$/;

/** Content key to its pieces; `sure` is false for pieces that must be hashed again first. */
export type Pieces = Map<string, Map<number, boolean>>;

export function parseJournal(text: string): Pieces {
  const pieces: Pieces = new Map();
  let unsure: [string, number][] = [];
  const lines = text.split('\n');
  // What follows the last line break was not written to its end.
  lines.pop();
  for (const line of lines) {
    if (line === '=') {
      for (const [key, piece] of unsure) if (pieces.get(key)?.has(piece)) pieces.get(key)?.set(piece, true);
      unsure = [];
      continue;
    }
    const [, sign, key, number] = LINE.exec(line) ?? [];
    if (key === undefined) continue;
    const piece = Number(number);
    if (sign === '-') {
      pieces.get(key)?.delete(piece);
      continue;
    }
    const known = pieces.get(key) ?? new Map<number, boolean>();
    if (known.get(piece) !== true) {
      known.set(piece, false);
      unsure.push([key, piece]);
    }
    pieces.set(key, known);
  }
  return pieces;
}

export function formatJournal(pieces: Pieces): string {
  const lines = (sure: boolean) =>
    [...pieces].flatMap(([key, known]) =>
      [...known].filter(([, is]) => is === sure).map(([piece]) => `+${key} ${piece}\n`),
    );
  return `${lines(true).join('')}=\n${lines(false).join('')}`;
}

/** Without opening it for writing: for lists, and while another tab writes. */
export async function readJournal(disk: Disk, path: string): Promise<Pieces> {
  const bytes = await readSmall(disk, path, MAX_BYTES);
  return parseJournal(bytes ? new TextDecoder().decode(bytes) : '');
}

/** Open for writing; the caller holds the pack's lock. */
export class Journal {
  readonly pieces: Pieces;
  readonly #file: DiskFile;
  #end: number;

  private constructor(file: DiskFile, pieces: Pieces, end: number) {
    this.#file = file;
    this.pieces = pieces;
    this.#end = end;
  }

  static async open(disk: Disk, path: string): Promise<Journal> {
    const pieces = await readJournal(disk, path);
    const file = await disk.openWrite(path);
    const journal = new Journal(file, pieces, file.getSize());
    // A torn last line must not become a whole one by what is appended: with this it is none.
    if (journal.#end > COMPACT_BYTES) journal.#rewrite();
    else if (journal.#end > 0) journal.#append('!\n');
    return journal;
  }

  has(key: string, piece: number): boolean {
    return this.pieces.get(key)?.get(piece) === true;
  }

  add(key: string, piece: number): void {
    const known = this.pieces.get(key) ?? new Map<number, boolean>();
    known.set(piece, true);
    this.pieces.set(key, known);
    this.#append(`+${key} ${piece}\n`);
  }

  /** Takes a piece back that turned out to be broken. */
  drop(key: string, piece: number): void {
    if (!this.pieces.get(key)?.delete(piece)) return;
    this.#append(`-${key} ${piece}\n`);
  }

  /** Takes it back that these contents are sure: unless a checkpoint follows, their pieces are hashed again before they count. */
  doubt(keys: Iterable<string>): void {
    for (const key of keys) {
      const known = this.pieces.get(key);
      for (const piece of [...(known?.keys() ?? [])]) known?.set(piece, false);
    }
    this.#rewrite();
  }

  /** Forgets contents that were deleted. */
  forget(keys: Iterable<string>): void {
    let changed = false;
    for (const key of keys) changed = this.pieces.delete(key) || changed;
    if (changed) this.#rewrite();
  }

  /** The contents were flushed: what was added so far is sure, even if the machine dies now. */
  checkpoint(): void {
    this.#append('=\n');
    this.#file.flush();
  }

  close(): void {
    this.#file.close();
  }

  #append(text: string): void {
    const bytes = new TextEncoder().encode(text);
    if (this.#file.write(bytes, { at: this.#end }) !== bytes.byteLength) {
      throw new DOMException('no room for the journal', 'QuotaExceededError');
    }
    this.#end += bytes.byteLength;
  }

  #rewrite(): void {
    this.#end = 0;
    const text = formatJournal(this.pieces);
    this.#append(text);
    this.#file.truncate(this.#end);
    this.#file.flush();
  }
}
