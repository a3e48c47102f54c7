/** Writes a stored pack into a folder that a person picked. Each piece is hashed on its way. */
import { EngineError } from '../errors.ts';
import { PIECE_BYTES } from './manifest.ts';
import { isPiece, type PackPlan, type PlannedFile, pieceRange } from './pack-plan.ts';
import type { PackStore } from './pack-store.ts';

/** @throws EngineError 'pack-damaged', 'storage-full' */
export async function exportPack(
  store: PackStore,
  plan: PackPlan,
  into: FileSystemDirectoryHandle,
): Promise<{ files: number; bytes: number }> {
  const folder = await into.getDirectoryHandle(plan.id.name, { create: true });
  let files = 0;
  let bytes = 0;
  const write = async (name: string, data: (target: FileSystemWritableFileStream) => Promise<number>) => {
    const target = await (await folder.getFileHandle(name, { create: true })).createWritable();
    try {
      bytes += await data(target);
      await target.close();
      files += 1;
    } catch (error) {
      await target.abort().catch(() => undefined);
      throw error;
    }
  };
  const whole = (data: Uint8Array<ArrayBuffer>) => async (target: FileSystemWritableFileStream) => {
    await target.write(data);
    return data.byteLength;
  };
  for (const [name, file] of plan.byName) await write(name, (target) => copy(store, plan, file, target));
  const licence = await store.licence(plan.id);
  if (licence) await write('LICENSE.txt', whole(licence));
  // Last: a folder with a manifest is a whole pack.
  await write('manifest.json', whole(plan.manifestBytes));
  return { files, bytes };
}

async function copy(
  store: PackStore,
  plan: PackPlan,
  file: PlannedFile,
  target: FileSystemWritableFileStream,
): Promise<number> {
  const reader = await store.disk.openRead(store.contentPath(plan.id.name, file.key));
  const buffer = new Uint8Array(PIECE_BYTES);
  try {
    for (let piece = 0; piece < file.pieces.length; piece++) {
      const { at, bytes } = pieceRange(file, piece);
      const part = buffer.subarray(0, bytes);
      const count = await reader.read(part, at);
      if (count !== bytes || !(await isPiece(file, piece, part))) {
        const values = { file: file.name, piece };
        throw new EngineError('pack-damaged', `${file.name} on this device is damaged in piece ${piece}.`, values);
      }
      await target.write(part);
    }
    return file.bytes;
  } finally {
    reader.close();
  }
}
