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

/** What could not be written whole is taken away again: an empty file would pass for the photo after a reload. */
async function write(kind: Kind, id: string, file: Blob): Promise<void> {
  const place = await folder(kind);
  try {
    await file.stream().pipeTo(await (await place.getFileHandle(id, { create: true })).createWritable());
  } catch (error) {
    await place.removeEntry(id).catch(() => undefined);
    throw error;
  }
}

function hold(kind: Kind, id: string, file: Blob): void {
  memory.set(`${kind}/${id}`, file);
  useApp.getState().setQueue({ unkept: true });
}

/** Never fails: a photo that can't be kept is held in memory, and the page says so. */
export const keepPhoto = (id: string, file: Blob): Promise<void> =>
  write('in', id, file).catch(() => hold('in', id, file));

const isFull = (error: unknown) => error instanceof Error && error.name === 'QuotaExceededError';

/**
 * Where there is no private file system a result is held in memory. A full disk is another thing: the queue would go on and pile
 * results up in memory until the tab is ended, and all of them with it.
 *
 * @returns false where the disk is full
 */
export async function keepResult(id: string, file: Blob): Promise<boolean> {
  try {
    await write('out', id, file);
    memory.delete(`out/${id}`);
  } catch (error) {
    if (isFull(error)) return false;
    hold('out', id, file);
  }
  return true;
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

/** A browser without IndexedDB, or one that refuses it at once, keeps no list. */
const ifKept = async (act: () => Promise<void>): Promise<void> => act().catch(() => undefined);

export const keepItem = (item: QueueItem): Promise<void> => ifKept(async () => set(item.id, item, records()));
export const forgetItem = (id: string): Promise<void> => ifKept(async () => del(id, records()));

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

let forgotten = 0;
/** Who takes photos in meanwhile sees by it that they are not to be kept. */
export const timesForgotten = (): number => forgotten;

/** Everything of the queue, e.g. before all data is deleted. */
export async function forgetQueue(): Promise<void> {
  forgotten++;
  memory.clear();
  await ifKept(async () => clear(records()));
  await navigator.storage
    ?.getDirectory()
    .then((root) => root.removeEntry(FOLDER, { recursive: true }))
    .catch(() => undefined);
}

const isItem = (stored: unknown): stored is QueueItem =>
  typeof stored === 'object' && stored !== null && 'id' in stored && 'order' in stored && 'status' in stored;

async function idsIn(kind: Kind): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  try {
    for await (const id of (await folder(kind)).keys()) ids.add(id);
  } catch {
    // A window without such a place has kept no file.
  }
  return ids;
}

/** What was running waits again. A file that memory alone had went with the page, which its record knows nothing of. */
export function afterReload(item: QueueItem, photoHere: boolean, resultHere: boolean): QueueItem {
  const { status, stored } = item;
  if (status === 'skipped' || (status === 'done' && (resultHere || !stored))) return item;
  if (!photoHere) return { ...item, status: 'gone', error: null, saved: null, stored: false };
  if (status === 'failed') return item;
  return status === 'done'
    ? { ...item, status: 'waiting', saved: null, stored: false }
    : { ...item, status: 'waiting' };
}

/** The queue of the last visit. */
export async function keptItems(): Promise<QueueItem[]> {
  const stored = await entries<string, unknown>(records()).catch(() => []);
  // After the list: another tab writes a photo's file before its record.
  const [photos, results] = [await idsIn('in'), await idsIn('out')];
  return stored
    .map(([, value]) => value)
    .filter(isItem)
    .map((item) => afterReload(item, photos.has(item.id), results.has(item.id)))
    .sort((a, b) => a.order - b.order);
}
