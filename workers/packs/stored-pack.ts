/** Opens a pack that is stored, for an engine: only what that version has is read, for the person waits. */
import { EngineError } from '../errors.ts';
import { readLock } from './locks.ts';
import { PARTS } from './manifest.ts';
import { Pack } from './pack.ts';
import type { PackStore } from './pack-store.ts';
import type { StoredId } from './protocol.ts';
import { StoredFiles } from './stored-files.ts';

/** @throws EngineError 'pack-missing', 'pack-damaged', 'pack-incomplete', 'pack-busy' */
export async function openStored(store: PackStore, id: StoredId): Promise<Pack> {
  const release = await readLock(id.name);
  if (!release) throw new EngineError('pack-busy', `pack ${id.name} is being changed`);
  try {
    const files = await StoredFiles.open(store, id);
    try {
      return new Pack(files, PARTS, release);
    } catch (error) {
      files.close();
      throw error;
    }
  } catch (error) {
    release();
    throw error;
  }
}
