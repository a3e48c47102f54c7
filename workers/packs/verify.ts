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
          if (count !== bytes || !(await isPiece(file, piece, target))) pieces.push(piece);
          else if (!journal.has(file.key, piece)) journal.add(file.key, piece);
          activity.report(before + at + bytes);
        }
      } finally {
        reader?.close();
      }
      before += file.bytes;
      for (const piece of pieces) journal.drop(file.key, piece);
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

async function openContent(store: PackStore, plan: PackPlan, file: PlannedFile): Promise<DiskReader | null> {
  const path = store.contentPath(plan.id.name, file.key);
  return (await store.disk.stat(path)) ? store.disk.openRead(path) : null;
}
