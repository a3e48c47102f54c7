/** Results out of the queue: into a folder as they come, or as a ZIP, written while it is made. */
import { toast } from '../../app/toast.ts';
import { t } from '../../i18n/index.ts';
import { useApp } from '../../store/index.ts';
import { keptFile } from './keep.ts';

interface Pickers {
  showDirectoryPicker?: (options: { id: string; mode: 'readwrite' }) => Promise<FileSystemDirectoryHandle>;
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;
}

const pickers = window as Pickers;
const closed = (error: unknown) => error instanceof DOMException && error.name === 'AbortError';

export const canPickFolder = (): boolean => pickers.showDirectoryPicker !== undefined;

export async function pickFolder(): Promise<void> {
  try {
    const folder = (await pickers.showDirectoryPicker?.({ id: 'results', mode: 'readwrite' })) ?? null;
    useApp.getState().setQueue({ folder });
  } catch (error) {
    if (!closed(error)) throw error;
  }
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
