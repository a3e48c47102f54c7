/** Web Locks for Node, which has none yet: what of them the app asks for, locks that are to be had at once. */
interface Held {
  readonly name: string;
  readonly mode: LockMode;
}

interface Wanted {
  readonly mode: LockMode;
  readonly ifAvailable: true;
}

export function webLocks() {
  const held = new Set<Held>();
  const isFree = (name: string, mode: LockMode) =>
    ![...held].some((other) => other.name === name && (mode === 'exclusive' || other.mode === 'exclusive'));
  return {
    request: async <T>(name: string, { mode }: Wanted, work: (lock: Held | null) => T | Promise<T>): Promise<T> => {
      if (!isFree(name, mode)) return work(null);
      const lock = { name, mode };
      held.add(lock);
      try {
        return await work(lock);
      } finally {
        held.delete(lock);
      }
    },
    query: async () => ({ held: [...held], pending: [] }),
  };
}
