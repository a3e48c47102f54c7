/** All results in one ZIP: to a place that is picked, else as a download. */
import { toast } from '../../app/toast.ts';
import { t } from '../../i18n/index.ts';
import { useApp } from '../../store/index.ts';
import type { QueueItem } from '../../store/queueSlice.ts';
import { keptFile } from './keep.ts';

interface Picker {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;
}

const ZIP_NAME = 'restored.zip';
/** A download's link and file must live until the browser has read them. */
const READ_MS = 60_000;

type Results = readonly Pick<QueueItem, 'id' | 'saved'>[];
interface Zip {
  /** Photos in it. */
  readonly count: number;
  readonly file: Blob;
}

export async function saveZip(): Promise<void> {
  const results = useApp.getState().queue.filter(({ status, stored, saved }) => status === 'done' && stored && saved);
  if (results.length === 0) return;
  try {
    const picked = await (globalThis as Picker).showSaveFilePicker?.({ suggestedName: ZIP_NAME });
    const zip = picked ? null : await makeZip(results);
    if (zip) download(zip.file);
    const count = zip?.count ?? (picked ? await fill(await picked.createWritable(), results) : 0);
    toast(t('queue.zipped', { count }));
  } catch (error) {
    if (!(error instanceof DOMException && error.name === 'AbortError')) toast(t('queue.zipFailed'));
  }
}

/**
 * A ZIP to download. It is made in the private file system, so that little of it is in memory. Some windows have none, some
 * browsers can't write there in a page, and it may be full: then it is made in memory after all.
 */
export async function makeZip(results: Results): Promise<Zip> {
  try {
    return await inPrivateFile(results);
  } catch {
    const { BlobWriter } = await library();
    const writer = new BlobWriter('application/zip');
    const count = await fill(writer, results);
    return { count, file: await writer.getData() };
  }
}

async function inPrivateFile(results: Results): Promise<Zip> {
  const root = await navigator.storage.getDirectory();
  try {
    const handle = await root.getFileHandle(ZIP_NAME, { create: true });
    const count = await fill(await handle.createWritable(), results);
    return { count, file: await handle.getFile() };
  } catch (error) {
    await root.removeEntry(ZIP_NAME).catch(() => undefined);
    throw error;
  }
}

async function library() {
  const zip = await import('@zip.js/zip.js/lib/zip-core-custom.js');
  zip.configure({ useWebWorkers: false });
  return zip;
}

type Library = Awaited<ReturnType<typeof library>>;
type Target = ConstructorParameters<Library['ZipWriter']>[0];

/** Photos are packed already: a ZIP only puts them side by side, one after the other. */
async function fill(target: Target, results: Results): Promise<number> {
  const { BlobReader, ZipWriter } = await library();
  const writer = new ZipWriter(target, { level: 0 });
  let count = 0;
  for (const { id, saved } of results) {
    const file = await keptFile('out', id);
    if (!file || !saved) continue;
    await writer.add(saved, new BlobReader(file));
    count++;
  }
  await writer.close();
  return count;
}

let willDrop = false;

/** Removes the ZIP of an earlier download, a moment later where the browser may still be reading it. */
export async function dropZip(): Promise<void> {
  try {
    const root = await navigator.storage.getDirectory();
    const age = Date.now() - (await (await root.getFileHandle(ZIP_NAME)).getFile()).lastModified;
    if (age >= READ_MS) return await root.removeEntry(ZIP_NAME);
    if (willDrop) return;
    willDrop = true;
    setTimeout(() => {
      willDrop = false;
      void dropZip();
    }, READ_MS);
  } catch {
    // There is none, or it is being written anew.
  }
}

function download(file: Blob): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = url;
  link.download = ZIP_NAME;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), READ_MS);
}
