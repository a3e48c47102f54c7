/**
 * Contents that no version of a pack has any more, as after it was made anew under its old version. They show in no list, so they
 * go by themselves: when a pack has come, or before an engine opens it.
 */
import { soleLock, writeLock } from './locks.ts';
import type { PackStore } from './pack-store.ts';

/** The caller holds the pack's lock. While an engine reads the pack nothing is taken away: it may have the contents of before. */
export async function removeLeftovers(store: PackStore, name: string): Promise<void> {
  try {
    if ((await store.unused(name)).length === 0) return;
    const release = await soleLock(name);
    if (!release) return;
    try {
      await store.removeUnused(name);
    } finally {
      release();
    }
  } catch {
    // An export may have one open. The pack is fine with them, so nothing fails: they go the next time.
  }
}

/** The same for a caller without locks; nothing happens while somebody changes the pack. */
export async function tidyPack(store: PackStore, name: string): Promise<void> {
  const release = await writeLock(name);
  if (!release) return;
  try {
    await removeLeftovers(store, name);
  } finally {
    release();
  }
}
