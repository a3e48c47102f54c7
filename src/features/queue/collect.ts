/** Photos out of what was dropped or picked, folders in folders included. */

/** Endings of photos that systems have no image type for. */
const ENDINGS = /\.(jpe?g|png|webp|avif|gif|bmp|heic|heif|jxl|tiff?|dng|cr2|cr3|nef|arw|raf|orf|rw2|pef)$/i;

export const mayBePhoto = ({ name, type }: Pick<File, 'name' | 'type'>): boolean =>
  !name.startsWith('.') && (type.startsWith('image/') ? type !== 'image/svg+xml' : ENDINGS.test(name));

/** Must be called while the drop is being handled: the browser forgets its items afterwards. */
export function droppedFiles(data: DataTransfer): { hasFolder: boolean; files: Promise<File[]> } {
  const roots = [...data.items].flatMap((item) => item.webkitGetAsEntry?.() ?? []);
  const hasFolder = roots.some((entry) => entry.isDirectory);
  if (!hasFolder) return { hasFolder, files: Promise.resolve([...data.files]) };
  return { hasFolder, files: Promise.all(roots.map(walk)).then((lists) => lists.flat()) };
}

async function walk(entry: FileSystemEntry): Promise<File[]> {
  if (isFile(entry)) return [await new Promise<File>((resolve, reject) => entry.file(resolve, reject))];
  if (!isFolder(entry)) return [];
  const reader = entry.createReader();
  const found: File[] = [];
  // A reader gives a hundred at a time, and nothing once it is through.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) break;
    for (const inner of some) found.push(...(await walk(inner)));
  }
  return found.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;
const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;
