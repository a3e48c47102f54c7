/** Folders and ZIPs as a person hands them over: picked, or dropped. */
import type { GivenFile, GivenPack } from '../../../workers/packs/protocol.ts';

type PickFolder = (options: { id: string; mode: 'read' | 'readwrite' }) => Promise<FileSystemDirectoryHandle>;

/** The browser's folder dialog (File System Access); null where it has none. */
function folderDialog(): PickFolder | null {
  const { showDirectoryPicker } = window as { showDirectoryPicker?: PickFolder };
  return showDirectoryPicker?.bind(window) ?? null;
}

export const canPickFolder = (): boolean => folderDialog() !== null;

/** Null when the person closed the dialog, or refused. */
export async function pickFolder(mode: 'read' | 'readwrite'): Promise<FileSystemDirectoryHandle | null> {
  try {
    return (await folderDialog()?.({ id: 'packs', mode })) ?? null;
  } catch (error) {
    if (error instanceof DOMException && (error.name === 'AbortError' || error.name === 'NotAllowedError')) return null;
    throw error;
  }
}

/** What an `<input webkitdirectory>` gave. */
export function fromInput(files: readonly File[]): GivenPack {
  const given = files.map((file) => ({ path: file.webkitRelativePath || file.name, file }));
  return { kind: 'files', label: given[0]?.path.split('/')[0] ?? '', files: given };
}

/** A dropped ZIP, folder, or the files of one. Must be called before the event is over. */
export async function fromDrop(transfer: DataTransfer): Promise<GivenPack | null> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const dropped = [...transfer.files];
  const [file] = dropped;
  if (dropped.length === 1 && file && /\.zip$/i.test(file.name) && !entries[0]?.isDirectory)
    return { kind: 'zip', file };
  // Without entries (files that another page's script made) there are no folders to look into.
  const files: GivenFile[] = entries.length > 0 ? [] : dropped.map((one) => ({ path: one.name, file: one }));
  for (const entry of entries) await gather(entry, files);
  return files.length > 0 ? { kind: 'files', label: entries[0]?.name ?? '', files } : null;
}

async function gather(entry: FileSystemEntry, files: GivenFile[]): Promise<void> {
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
    files.push({ path: entry.fullPath.replace(/^\//, ''), file });
  } else if (isFolder(entry)) {
    const reader = entry.createReader();
    for (;;) {
      // A reader gives a hundred at a time, and none when it is through.
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) return;
      for (const inner of some) await gather(inner, files);
    }
  }
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;
const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;
