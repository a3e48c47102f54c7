/** One tab owns the engine: two engines would share one GPU's memory and both would fail in odd ways. */

const NAME = 'engine';
/** A page that reloads may ask before its former self has let go. */
const TRIES = 6;
const PAUSE_MS = 150;

export interface EngineLock {
  release: () => void;
}

/**
 * @param take true takes the engine away from the tab that has it
 * @param onStolen called when another tab takes it from this one
 * @returns null when another tab has the engine
 */
export async function lockEngine(take: boolean, onStolen: () => void): Promise<EngineLock | null> {
  if (!globalThis.navigator?.locks) return { release: () => {} };
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const lock = await request(take, onStolen);
    if (lock) return lock;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return null;
}

function request(take: boolean, onStolen: () => void): Promise<EngineLock | null> {
  return new Promise((resolve) => {
    let held = false;
    const options: LockOptions = take ? { steal: true } : { ifAvailable: true };
    navigator.locks
      .request(NAME, options, (lock) => {
        if (!lock) return resolve(null);
        held = true;
        return new Promise<void>((release) => resolve({ release }));
      })
      .catch(() => (held ? onStolen() : resolve(null)));
  });
}
