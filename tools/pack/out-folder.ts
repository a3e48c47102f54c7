/** The folder that a pack is built in: which of its files are ours, whether there is room, and what to do about the rest. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { JOURNAL, readJournalHeader } from './journal.ts';

export const LICENCE_FILE = 'LICENSE.txt';
export const MANIFEST_FILE = 'manifest.json';
/** Written by people: a build neither makes nor removes it. */
export const CARD_FILE = 'MODEL_CARD.md';
const OWN = [JOURNAL, `${JOURNAL}.part`, MANIFEST_FILE, `${MANIFEST_FILE}.part`, LICENCE_FILE];

/** All that is needed to know a pack, of this version or an older one, by its manifest. */
const anyManifest = z.object({ format: z.literal(1), files: z.record(z.string(), z.unknown()) });

function manifestFiles(folder: string): string[] {
  try {
    const text = readFileSync(join(folder, MANIFEST_FILE), 'utf8');
    return Object.keys(anyManifest.parse(JSON.parse(text)).files);
  } catch {
    return [];
  }
}

export interface OutFolder {
  /** Fingerprint of the build that was interrupted here, or null. */
  readonly interrupted: string | null;
  readonly finished: boolean;
  /** Names of our files that are there. */
  readonly files: readonly string[];
}

/**
 * Looks at the folder; changes nothing.
 *
 * @throws Error when files are there that no build of a pack made
 */
export function inspect(folder: string): OutFolder {
  if (!existsSync(folder)) return { interrupted: null, finished: false, files: [] };
  if (!statSync(folder).isDirectory()) throw new Error(`${folder} is a file. Name a folder for the pack.`);
  const there = readdirSync(folder).filter((name) => name !== CARD_FILE);
  const journal = readJournalHeader(folder);
  const listed = manifestFiles(folder);
  const known = new Set([...OWN, ...(journal?.files ?? []), ...listed]);
  // Without a journal or a manifest nothing says that a licence or a manifest in there came from us.
  const ours = journal !== null || listed.length > 0 || there.every((name) => name.startsWith(JOURNAL));
  const foreign = there.filter((name) => !ours || !known.has(name));
  if (foreign.length > 0) {
    const more = foreign.length > 3 ? ` and ${foreign.length - 3} more` : '';
    throw new Error(
      `${folder} holds files that are not a pack's: ${foreign.slice(0, 3).join(', ')}${more}. ` +
        'Choose an empty folder for the pack; nothing there was touched.',
    );
  }
  return { interrupted: journal?.fingerprint ?? null, finished: listed.length > 0, files: there };
}

/** Deletes our files; the manifest first, so that what is left is never taken for a pack. */
export function clear(folder: string, { files }: OutFolder): void {
  for (const name of [MANIFEST_FILE, ...files]) rmSync(join(folder, name), { force: true });
  mkdirSync(folder, { recursive: true });
}

function nearestFolder(folder: string): string {
  let path = resolve(folder);
  while (!existsSync(path)) path = dirname(path);
  return path;
}

const sizeText = (bytes: number) => (bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`);

/**
 * @param needed bytes of the finished pack
 * @throws Error when the disk has too little room for what is not written yet
 */
export function checkRoom(folder: string, needed: number, files: readonly string[]): void {
  const path = nearestFolder(folder);
  const { bavail, bsize, blocks } = statfsSync(path);
  if (blocks === 0) return; // Some network disks don't say.
  const held = files.reduce((sum, name) => {
    const file = join(folder, name);
    return sum + (existsSync(file) ? 512 * statSync(file).blocks : 0);
  }, 0);
  const missing = needed - held - bavail * bsize;
  if (missing <= 0) return;
  throw new Error(
    `The pack needs ${sizeText(needed - held)} on the disk of ${folder}, ${sizeText(bavail * bsize)} are free: ` +
      `${sizeText(missing)} are missing. Make room or choose another folder; nothing was written.`,
  );
}
