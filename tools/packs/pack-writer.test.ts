/** The order of the journal's lines while pieces come late: what the mark of a checkpoint covers was flushed before it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Memory } from '../../workers/packs/byte-reader.ts';
import { sampleManifest } from '../../workers/packs/manifest.sample.ts';
import { PIECE_BYTES } from '../../workers/packs/manifest.ts';
import type { PackPlan, PlannedFile } from '../../workers/packs/pack-plan.ts';
import { PackStore } from '../../workers/packs/pack-store.ts';
import { PackWriter } from '../../workers/packs/pack-writer.ts';
import type { PieceFiles } from '../../workers/packs/piece-files.ts';
import { nodeDisk } from './node-disk.ts';

/** Pieces between two checkpoints. */
const EACH = 16;
const KEY = 'a'.repeat(64);

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pack-writer-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

/** Contents that are always right and cost no time, on a disk whose flush ends when it is told to. */
function slowFiles() {
  let flushed: () => void = () => undefined;
  const files: PieceFiles = {
    reserve: async () => undefined,
    put: async () => true,
    read: async () => new Uint8Array(),
    flush: () =>
      new Promise((resolve) => {
        flushed = resolve;
      }),
    close: async () => undefined,
  };
  return { files, endFlush: () => flushed() };
}

it('a piece that was written while a checkpoint is flushed is noted behind its mark', async () => {
  const pieces = Array.from({ length: EACH + 2 }, () => 'b'.repeat(64));
  const file: PlannedFile = { name: 'big.bin', key: KEY, bytes: pieces.length * PIECE_BYTES, pieces };
  const plan: PackPlan = {
    id: { name: 'test', version: '1' },
    manifest: sampleManifest(),
    manifestBytes: new Uint8Array(),
    files: [file],
    byName: new Map([[file.name, file]]),
    bytes: file.bytes,
  };
  const store = new PackStore(nodeDisk(home));
  const { files, endFlush } = slowFiles();
  const writer = await PackWriter.open(store, plan, undefined, files);
  const put = (piece: number) => writer.put(file, piece, new Memory(PIECE_BYTES));
  const lines = () =>
    readFileSync(join(home, store.journalPath('test')), 'utf8')
      .split('\n')
      .slice(0, -1);
  const noted = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `+${KEY} ${from + i}`);

  for (let piece = 0; piece < EACH - 1; piece++) expect(await put(piece)).toBe(true);
  const last = put(EACH - 1);
  await settled();
  const late = put(EACH);
  await settled();
  // The checkpoint has begun: what came before it is noted, what comes meanwhile is not yet.
  expect(lines()).toEqual(noted(0, EACH));
  expect(writer.has(file, EACH)).toBe(false);
  endFlush();
  expect(await Promise.all([last, late])).toEqual([true, true]);
  expect(lines()).toEqual([...noted(0, EACH), '=', ...noted(EACH, EACH + 1)]);

  const closed = writer.close();
  await settled();
  endFlush();
  await closed;
  expect(lines()).toEqual([...noted(0, EACH), '=', ...noted(EACH, EACH + 1), '=']);
});
