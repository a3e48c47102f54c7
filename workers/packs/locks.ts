/**
 * Who works with a stored pack, over all tabs (Web Locks; a tab that ends gives its locks back by itself):
 * `pack-write:<name>` is held by the one that changes it, `pack-read:<name>` is shared by engines that read it.
 * Where there are no locks, every tab goes on as if it were alone.
 */
export type Release = () => void;

const writeName = (name: string) => `pack-write:${name}`;
const readName = (name: string) => `pack-read:${name}`;

/** Null when another one changes the pack. */
export const writeLock = (name: string): Promise<Release | null> => take(writeName(name), 'exclusive');

/** Null when somebody wants the pack for themselves. */
export const readLock = (name: string): Promise<Release | null> => take(readName(name), 'shared');

/** For taking contents away or changing complete ones; null while an engine reads the pack. */
export const soleLock = (name: string): Promise<Release | null> => take(readName(name), 'exclusive');

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
