import { engine } from '../../app/engine.ts';
import { packs } from '../../app/packs.ts';
import { useApp } from '../../store/index.ts';
import { DEFAULT_SETTINGS } from '../../store/settingsSlice.ts';
import { closePhoto } from '../import/openPhoto.ts';
import { forgetQueue } from '../queue/keep.ts';
import { DEFAULT_TEMPLATE } from '../queue/names.ts';
import { forgetSettings } from './persist.ts';

/**
 * Removes the open photo, its result, the queue, unfinished jobs, all packs and the settings. Engine and packs worker
 * are stopped first: they hold files of the private file system open. The service worker's copy of the app's own code
 * stays, so that the app still opens offline; it holds nothing of the person.
 */
export async function deleteAll(): Promise<void> {
  closePhoto();
  engine.stop();
  packs.stop();
  useApp.getState().setUnfinished([]);
  useApp.getState().setSettings(DEFAULT_SETTINGS);
  useApp
    .getState()
    .setQueue({ queue: [], queueState: 'idle', template: DEFAULT_TEMPLATE, folder: null, folderAsks: false });
  await forgetQueue();
  await forgetSettings();
  localStorage.clear();
  sessionStorage.clear();
  await Promise.allSettled([clearCaches(), clearDatabases(), clearFiles()]);
  useApp.setState({ packs: null, packNews: {}, adding: { state: 'idle' } });
}

async function clearCaches(): Promise<void> {
  // Plain http has no Cache Storage.
  if (!('caches' in globalThis)) return;
  const names = await caches.keys();
  await Promise.all(names.filter((name) => !name.includes('precache')).map((name) => caches.delete(name)));
}

/** Made by idb-keyval, which keeps them open: deleting them would wait for ever. Their stores are empty by now. */
const OPEN_DATABASES = ['keyval-store', 'queue'];

async function clearDatabases(): Promise<void> {
  const databases = (await indexedDB.databases?.()) ?? [];
  await Promise.all(
    databases.map(
      ({ name }) =>
        new Promise<void>((resolve) => {
          if (!name || OPEN_DATABASES.includes(name)) return resolve();
          const request = indexedDB.deleteDatabase(name);
          request.onsuccess = () => resolve();
          request.onerror = () => resolve();
          // A connection still open elsewhere: it is deleted as soon as that one closes.
          request.onblocked = () => resolve();
        }),
    ),
  );
}

/** A terminated worker lets its files go a moment later, so a refusal is tried again. */
async function clearFiles(): Promise<void> {
  const root = await navigator.storage?.getDirectory?.();
  if (!root) return;
  for (let attempt = 0; attempt < 10; attempt++) {
    let refused = false;
    const names: string[] = [];
    for await (const name of root.keys()) names.push(name);
    for (const name of names) {
      await root.removeEntry(name, { recursive: true }).catch(() => {
        refused = true;
      });
    }
    if (!refused) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
