/** Reads and hashes all of a pack. What is broken no longer counts, and the pack is not used until it is repaired. */
import { EngineError } from '../errors.ts';
import type { Activity } from './activity.ts';
import type { DiskReader } from './disk.ts';
import { stampsOf } from './finish.ts';
import { Journal } from './journal.ts';
import { PIECE_BYTES } from './manifest.ts';
import { isPiece, type PackPlan, type PlannedFile, pieceRange } from './pack-plan.ts';
import type { PackStore } from './pack-store.ts';
import type { VerifyReport } from './protocol.ts';

/** The caller holds the pack's lock. @throws EngineError 'cancelled' */
export async function verifyPack(store: PackStore, plan: PackPlan, activity: Activity): Promise<VerifyReport> {
  const report: VerifyReport = { bytes: 0, broken: [] };
  activity.keeps = true;
  const buffer = new Uint8Array(PIECE_BYTES);
  activity.begin('verifying', 0, plan.bytes);
  const journal = await Journal.open(store.disk, store.journalPath(plan.id.name));
  try {
    let before = 0;
    for (const file of plan.files) {
      const pieces: number[] = [];
      const reader = await openContent(store, plan, file);
      try {
        for (let piece = 0; piece < file.pieces.length; piece++) {
          if (activity.signal.aborted) throw new EngineError('cancelled');
          const { at, bytes } = pieceRange(file, piece);
          const target = buffer.subarray(0, bytes);
          const count = (await reader?.read(target, at)) ?? 0;
          report.bytes += count;
          if (count !== bytes || !(await isPiece(file, piece, target))) {
            journal.drop(file.key, piece);
            if (report.broken.length === 0 && pieces.length === 0) await noteBroken(store, plan, journal);
            pieces.push(piece);
          } else if (!journal.has(file.key, piece)) journal.add(file.key, piece);
          activity.report(before + at + bytes);
        }
      } finally {
        reader?.close();
      }
      before += file.bytes;
      if (pieces.length > 0) report.broken.push({ file: file.name, pieces });
    }
    journal.checkpoint();
  } finally {
    journal.close();
  }
  const complete = report.broken.length === 0;
  const record = await store.record(plan.id);
  const stamps = complete ? await stampsOf(store, plan) : {};
  await store.writeRecord(plan.id, { ...record, complete, stamps });
  return report;
}

/**
 * At the first broken piece, for the check may be stopped, or end with its tab. The journal goes first: a record that is not
 * complete is believed what it has. What the check does not reach is hashed when the pack is mended.
 */
async function noteBroken(store: PackStore, plan: PackPlan, journal: Journal): Promise<void> {
  journal.doubt(plan.files.map(({ key }) => key));
  await store.writeRecord(plan.id, { ...(await store.record(plan.id)), complete: false, stamps: {} });
}

async function openContent(store: PackStore, plan: PackPlan, file: PlannedFile): Promise<DiskReader | null> {
  const path = store.contentPath(plan.id.name, file.key);
  return (await store.disk.stat(path)) ? store.disk.openRead(path) : null;
}
