/**
 * Who works with a stored pack, over all tabs (Web Locks; a tab that ends gives its locks back by itself):
 * `pack-write:<name>` is held by the one that changes it, `pack-read:<name>` is shared by engines that read it, whichever
 * version; `pack-manifest:<name> <hash>` says which: a version may be made anew under its number.
 * Where there are no locks, every tab goes on as if it were alone.
 */
export type Release = () => void;

const writeName = (name: string) => `pack-write:${name}`;
const readName = (name: string) => `pack-read:${name}`;
const manifestName = (name: string, hash: string) => `pack-manifest:${name} ${hash}`;

/** Null when another one changes the pack. */
export const writeLock = (name: string): Promise<Release | null> => take(writeName(name), 'exclusive');

/** Null when somebody wants the pack for themselves. */
export const readLock = (name: string): Promise<Release | null> => take(readName(name), 'shared');

/** For taking contents away or changing complete ones; null while an engine reads the pack. */
export const soleLock = (name: string): Promise<Release | null> => take(readName(name), 'exclusive');

/** Beside `readLock`, once the manifest is read; null when that version is being removed. */
export const manifestLock = (name: string, hash: string): Promise<Release | null> =>
  take(manifestName(name, hash), 'shared');

/** For removing a version; null while an engine has it. */
export const soleManifestLock = (name: string, hash: string): Promise<Release | null> =>
  take(manifestName(name, hash), 'exclusive');

/** Hashes of the manifests that engines have of a pack; null while one of them has not come to say which. */
export async function manifestsInUse(name: string): Promise<ReadonlySet<string> | null> {
  const held = (await globalThis.navigator?.locks?.query())?.held ?? [];
  const readers = held.filter((lock) => lock.name === readName(name) && lock.mode === 'shared').length;
  const prefix = manifestName(name, '');
  const hashes = held.flatMap((lock) => (lock.name?.startsWith(prefix) ? [lock.name.slice(prefix.length)] : []));
  return hashes.length < readers ? null : new Set(hashes);
}

/** Names of packs that some tab is changing. */
export async function busyPacks(): Promise<Set<string>> {
  const held = (await globalThis.navigator?.locks?.query())?.held ?? [];
  const prefix = writeName('');
  return new Set(held.flatMap(({ name }) => (name?.startsWith(prefix) ? [name.slice(prefix.length)] : [])));
}

/** @returns a function that gives the lock back, and does nothing the second time; null when it is not to be had now */
function take(name: string, mode: LockMode): Promise<Release | null> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return Promise.resolve(() => undefined);
  return new Promise((resolve, reject) => {
    locks
      .request(name, { mode, ifAvailable: true }, (lock) => {
        if (!lock) return resolve(null);
        return new Promise<void>((release) => resolve(release));
      })
      .catch(reject);
  });
}
