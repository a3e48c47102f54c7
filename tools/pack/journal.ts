/**
 * What of a build is done already, kept in the pack's folder while it is built. The first line tells which build it is and
 * which files it makes; then every finished job has a line with the hashes of what it wrote. A killed run leaves at worst a
 * torn last line.
 */
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

export const JOURNAL = 'build.journal';

const header = z.object({ build: z.literal('pack'), fingerprint: z.string(), files: z.array(z.string()) });
export type JournalHeader = z.infer<typeof header>;

const LINE = /^(\d+) ([0-9a-f]{32}(?:,[0-9a-f]{32})*)$/;

/** The header of the journal in a folder; null without one, or with one that this program didn't write. */
export function readJournalHeader(folder: string): JournalHeader | null {
  const path = join(folder, JOURNAL);
  if (!existsSync(path)) return null;
  const [first = ''] = readFileSync(path, 'utf8').split('\n', 1);
  try {
    return header.parse(JSON.parse(first));
  } catch {
    return null;
  }
}

export class Journal {
  /** Hashes of the writes of every job that is done. */
  readonly done = new Map<number, readonly string[]>();
  private readonly path: string;

  private constructor(folder: string) {
    this.path = join(folder, JOURNAL);
  }

  /** Begins a new journal, in place of any that is there. */
  static begin(folder: string, fingerprint: string, files: readonly string[]): Journal {
    const journal = new Journal(folder);
    writeFileSync(`${journal.path}.part`, `${JSON.stringify({ build: 'pack', fingerprint, files })}\n`);
    renameSync(`${journal.path}.part`, journal.path);
    return journal;
  }

  /**
   * Goes on with the journal of the folder.
   *
   * @param writes how many writes job `at` has; undefined where there is no such job
   */
  static resume(folder: string, writes: (at: number) => number | undefined): Journal {
    const journal = new Journal(folder);
    const text = readFileSync(journal.path, 'utf8');
    const whole = text.lastIndexOf('\n') + 1;
    if (whole < text.length) truncateSync(journal.path, Buffer.byteLength(text.slice(0, whole)));
    for (const line of text.slice(0, whole).split('\n').slice(1)) {
      const [, at = '', hashes = ''] = LINE.exec(line) ?? [];
      const list = hashes.split(',');
      if (at !== '' && writes(Number(at)) === list.length) journal.done.set(Number(at), list);
    }
    return journal;
  }

  add(at: number, hashes: readonly string[]): void {
    this.done.set(at, hashes);
    appendFileSync(this.path, `${at} ${hashes.join(',')}\n`);
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }
}
