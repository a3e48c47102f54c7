/**
 * What an update leaves behind while an engine still reads it: versions that a newer one has replaced, and contents that no
 * version has any more, as after a pack was made anew under its old version. They go when the pack has come; if an engine had
 * them then, once the next one has started. Until nothing is left, the pack has a note: a start that finds none reads nothing.
 */
import { manifestsInUse, soleManifestLock, writeLock } from './locks.ts';
import type { PackRecord, PackStore } from './pack-store.ts';
import type { PackOrigin, StoredId } from './protocol.ts';

/** Versions of the same pack from the same place are replaced by this one. The caller holds the pack's lock. */
export async function replaceOlder(store: PackStore, id: StoredId, origin: PackOrigin): Promise<void> {
  for (const version of await store.versions(id.name)) {
    const older = { name: id.name, version };
    const record = await store.record(older);
    if (version === id.version || record.replaced || !sameOrigin(record.origin, origin)) continue;
    // An engine that is opening it writes there, too: then it goes with the next update.
    await store.writeRecord(older, { ...record, replaced: true }).catch(() => undefined);
  }
  await removeLeftovers(store, id.name);
}

/** Takes away what no engine reads. The caller holds the pack's lock. */
export async function removeLeftovers(store: PackStore, name: string): Promise<void> {
  try {
    const inUse = await manifestsInUse(name);
    // One is being opened, which of them nobody knows.
    if (!inUse) return;
    const allGone = await removeReplaced(store, name);
    const kept = new Set<string | null>();
    for (const version of await store.versions(name)) kept.add(await store.manifestHash({ name, version }));
    // An engine may have a manifest that is stored no more, and with it contents that no version names.
    if (![...inUse].every((hash) => kept.has(hash))) return;
    await store.removeUnused(name);
    if (allGone) await store.noteLeftovers(name, false);
  } catch {
    // An export may have one open. The pack is fine with them, so nothing fails: they go the next time.
  }
}

/** After the start of an engine, in the background, of all packs: which of them have leftovers is not a question of which is in use. */
export async function tidyPacks(store: PackStore): Promise<void> {
  // Nobody could say what this engine reads.
  if (!globalThis.navigator?.locks) return;
  try {
    for (const name of await store.names()) {
      if (!(await store.hasLeftovers(name))) continue;
      const release = await writeLock(name);
      // Whoever changes it removes them as well.
      if (release) await removeLeftovers(store, name).finally(release);
    }
  } catch {
    // A file system that fails now is the next start's.
  }
}

/** Answers whether none is left. One whose newer version is gone again is the pack that there is, and stays. */
async function removeReplaced(store: PackStore, name: string): Promise<boolean> {
  const versions: { id: StoredId; record: PackRecord }[] = [];
  for (const version of await store.versions(name)) {
    const id = { name, version };
    versions.push({ id, record: await store.record(id) });
  }
  const newer = versions.filter(({ record }) => record.complete && !record.replaced);
  let allGone = true;
  for (const { id, record } of versions) {
    if (!record.replaced || !newer.some((one) => sameOrigin(one.record.origin, record.origin))) continue;
    const release = await soleManifestLock(name, (await store.manifestHash(id)) ?? '');
    if (release) await store.removeVersion(id).finally(release);
    else allGone = false;
  }
  return allGone;
}

export function sameOrigin(a: PackOrigin, b: PackOrigin): boolean {
  if (a.kind === 'url' && b.kind === 'url') return new URL(a.url).origin === new URL(b.url).origin;
  return a.kind !== 'url' && b.kind !== 'url';
}
