/**
 * What the queue keeps over a reload: its list in IndexedDB, one record an item, and files in the private file system. Where
 * a browser has no room or no such place, files stay in memory for the visit.
 */
import { clear, createStore, del, entries, get, set } from 'idb-keyval';
import { useApp } from '../../store/index.ts';
import type { QueueItem } from '../../store/queueSlice.ts';

const FOLDER = 'queue';
type Kind = 'in' | 'out';

const memory = new Map<string, Blob>();
let database: ReturnType<typeof createStore> | null = null;
const records = () => {
  database ??= createStore('queue', 'items');
  return database;
};

async function folder(kind: Kind): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  return (await root.getDirectoryHandle(FOLDER, { create: true })).getDirectoryHandle(kind, { create: true });
}

/** Never fails: what can't be kept is held in memory, and the page says so. */
export async function keepFile(kind: Kind, id: string, file: Blob): Promise<void> {
  try {
    const target = await (await (await folder(kind)).getFileHandle(id, { create: true })).createWritable();
    await file.stream().pipeTo(target);
  } catch {
    memory.set(`${kind}/${id}`, file);
    useApp.getState().setQueue({ unkept: true });
  }
}

export async function keptFile(kind: Kind, id: string): Promise<Blob | null> {
  const held = memory.get(`${kind}/${id}`);
  if (held) return held;
  try {
    return await (await (await folder(kind)).getFileHandle(id)).getFile();
  } catch {
    return null;
  }
}

export async function dropFile(kind: Kind, id: string): Promise<void> {
  memory.delete(`${kind}/${id}`);
  await folder(kind)
    .then((place) => place.removeEntry(id))
    .catch(() => undefined);
}

export const keepItem = (item: QueueItem): Promise<void> => set(item.id, item, records()).catch(() => undefined);
export const forgetItem = (id: string): Promise<void> => del(id, records()).catch(() => undefined);

/** In the store of the settings: what holds for every queue. */
const OUT = 'queue-out';

/** Where results go and what they are called. Handles of folders can be stored, which paths can't. */
export interface Out {
  readonly template: string;
  readonly folder: FileSystemDirectoryHandle | null;
}

export const keepOut = ({ template, folder }: Out): Promise<void> =>
  set(OUT, { template, folder }).catch(() => undefined);

/** What was chosen in the last visit, as far as it makes sense. */
export async function keptOut(): Promise<Partial<Out>> {
  const stored: unknown = await get(OUT).catch(() => null);
  if (typeof stored !== 'object' || stored === null) return {};
  const { template, folder } = stored as Partial<Record<keyof Out, unknown>>;
  return {
    ...(typeof template === 'string' && template !== '' && { template }),
    ...('FileSystemDirectoryHandle' in globalThis && folder instanceof FileSystemDirectoryHandle && { folder }),
  };
}

/** Everything of the queue, e.g. before all data is deleted. */
export async function forgetQueue(): Promise<void> {
  memory.clear();
  await clear(records()).catch(() => undefined);
  await navigator.storage
    ?.getDirectory()
    .then((root) => root.removeEntry(FOLDER, { recursive: true }))
    .catch(() => undefined);
}

const isItem = (stored: unknown): stored is QueueItem =>
  typeof stored === 'object' && stored !== null && 'id' in stored && 'order' in stored && 'status' in stored;

/** The queue of the last visit. What was running then waits again. */
export async function keptItems(): Promise<QueueItem[]> {
  const stored = await entries<string, unknown>(records()).catch(() => []);
  return stored
    .map(([, value]) => value)
    .filter(isItem)
    .map((item) => (item.status === 'running' ? { ...item, status: 'waiting' as const } : item))
    .sort((a, b) => a.order - b.order);
}
