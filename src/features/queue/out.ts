/** Results out of the queue: into a folder as they come, or as a ZIP, written while it is made. */
import { toast } from '../../app/toast.ts';
import { t } from '../../i18n/index.ts';
import { useApp } from '../../store/index.ts';
import { keepOut, keptFile, keptOut } from './keep.ts';
import { freeName } from './names.ts';

interface Pickers {
  showDirectoryPicker?: (options: { id: string; mode: 'readwrite' }) => Promise<FileSystemDirectoryHandle>;
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;
}

const pickers = globalThis as Pickers;
const closed = (error: unknown) => error instanceof DOMException && error.name === 'AbortError';

export const canPickFolder = (): boolean => pickers.showDirectoryPicker !== undefined;

export async function pickFolder(): Promise<void> {
  try {
    const folder = (await pickers.showDirectoryPicker?.({ id: 'results', mode: 'readwrite' })) ?? null;
    useApp.getState().setQueue({ folder, folderAsks: false });
  } catch (error) {
    if (!closed(error)) throw error;
  }
}

/** From now on results are kept for the ZIP. */
export const leaveFolder = (): void => useApp.getState().setQueue({ folder: null, folderAsks: false });

/** Not in TypeScript's library: only Chromium has it, as only Chromium has the picker. */
interface Permitted {
  queryPermission?: (options: { mode: 'readwrite' }) => Promise<PermissionState>;
  requestPermission?: (options: { mode: 'readwrite' }) => Promise<PermissionState>;
}

/** Folder and names of the last visit, and from then on every change is written down. */
export async function findOut(): Promise<void> {
  const { template, folder } = await keptOut();
  const permission = await (folder as Permitted | undefined)
    ?.queryPermission?.({ mode: 'readwrite' })
    .catch(() => 'denied');
  const folderAsks = folder !== undefined && permission !== 'granted';
  useApp.getState().setQueue({ ...(template && { template }), ...(folder && { folder, folderAsks }) });
  useApp.subscribe((state, before) => {
    if (state.template !== before.template || state.folder !== before.folder) void keepOut(state);
  });
}

/** Asks where the browser wants that. Must be called while a click is being handled. */
export async function mayWrite(): Promise<boolean> {
  const { folder, folderAsks, setQueue } = useApp.getState();
  if (!folder || !folderAsks) return true;
  const answer = await (folder as Permitted).requestPermission?.({ mode: 'readwrite' }).catch(() => 'denied');
  if (answer !== 'granted') {
    toast(t('queue.folderDenied', { name: folder.name }));
    return false;
  }
  setQueue({ folderAsks: false });
  return true;
}

/**
 * Writes a result under the first free name like this one. What could not be written whole is taken away again.
 *
 * @returns the name
 * @throws DOMException where the folder is gone, full or closed to the app
 */
export async function writeInto(folder: FileSystemDirectoryHandle, name: string, file: Blob): Promise<string> {
  const free = await freeName(name, (one) =>
    folder.getFileHandle(one).then(
      () => true,
      // A folder of that name is another error, and the name is taken.
      (error: unknown) => !(error instanceof DOMException && error.name === 'NotFoundError'),
    ),
  );
  const handle = await folder.getFileHandle(free, { create: true });
  try {
    await file.stream().pipeTo(await handle.createWritable());
  } catch (error) {
    await folder.removeEntry(free).catch(() => undefined);
    throw error;
  }
  return free;
}

const ZIP_NAME = 'restored.zip';
/** A download link must live until the browser has read the file. */
const LINK_MS = 60_000;

/** Photos are packed already: a ZIP only puts them side by side. Nothing of it is held in memory but one photo. */
export async function saveZip(): Promise<void> {
  const done = useApp.getState().queue.filter(({ status, stored, saved }) => status === 'done' && stored && saved);
  if (done.length === 0) return;
  try {
    const onDisk = await pickers.showSaveFilePicker?.({ suggestedName: ZIP_NAME });
    // Other browsers can't write to a picked file: it is made in the private file system and downloaded from there.
    const handle = onDisk ?? (await (await navigator.storage.getDirectory()).getFileHandle(ZIP_NAME, { create: true }));
    const { BlobReader, configure, ZipWriter } = await import('@zip.js/zip.js/lib/zip-core-custom.js');
    configure({ useWebWorkers: false });
    const writer = new ZipWriter(await handle.createWritable(), { level: 0 });
    for (const { id, saved } of done) {
      const file = await keptFile('out', id);
      if (file && saved) await writer.add(saved, new BlobReader(file));
    }
    await writer.close();
    if (!onDisk) download(await handle.getFile());
    toast(t('queue.zipped', { count: done.length }));
  } catch (error) {
    if (!closed(error)) toast(t('queue.zipFailed'));
  }
}

function download(file: File): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = url;
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), LINK_MS);
}
