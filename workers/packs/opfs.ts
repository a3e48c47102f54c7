/** The origin-private file system as a `Disk`. Only in workers: sync access handles exist nowhere else. */
import type { Disk, DiskFile, DiskReader } from './disk.ts';

/** What of a file handle is used in a worker. Chromium knows modes; elsewhere sync access handles are exclusive. */
interface SyncFiles {
  createSyncAccessHandle(options?: { mode: 'read-only' }): Promise<DiskFile>;
}

/** Pages have file handles without sync access. */
const isSync = (handle: unknown): handle is SyncFiles =>
  typeof handle === 'object' && handle !== null && 'createSyncAccessHandle' in handle;

async function openSync(handle: unknown, options?: { mode: 'read-only' }): Promise<DiskFile> {
  if (!isSync(handle)) throw new Error('no sync access handles');
  return handle.createSyncAccessHandle(options);
}

/** Null where there is no such file system (some private windows, plain http) or it can't be written. */
export async function openOpfs(): Promise<Disk | null> {
  try {
    const root = await navigator.storage.getDirectory();
    if (!isSync(FileSystemFileHandle.prototype)) return null;
    return opfsDisk(root);
  } catch {
    return null;
  }
}

function opfsDisk(root: FileSystemDirectoryHandle): Disk {
  async function folder(parts: readonly string[], create: boolean): Promise<FileSystemDirectoryHandle> {
    let at = root;
    for (const part of parts) at = await at.getDirectoryHandle(part, { create });
    return at;
  }
  // Every step down a path is a question to the browser's own process: for packs of a hundred files they add up.
  let last: { path: string; handle: FileSystemDirectoryHandle } | null = null;
  async function file(path: string, create: boolean): Promise<FileSystemFileHandle> {
    const parts = path.split('/');
    const name = parts.pop() ?? '';
    const above = parts.join('/');
    if (last?.path === above) {
      try {
        return await last.handle.getFileHandle(name, { create });
      } catch (error) {
        if (!isMissing(error)) throw error;
        // No such file; or the folder was removed, here or in another tab, and may be there again.
      }
    }
    const handle = await folder(parts, create);
    last = { path: above, handle };
    return handle.getFileHandle(name, { create });
  }
  return {
    openWrite: async (path) => openSync(await file(path, true)),
    openRead: async (path) => reader(await file(path, false)),
    stat: async (path) => {
      try {
        const { size, lastModified } = await (await file(path, false)).getFile();
        return { bytes: size, modified: lastModified };
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },
    list: async (path) => {
      try {
        const found: { name: string; folder: boolean }[] = [];
        const at = await folder(path === '' ? [] : path.split('/'), false);
        for await (const [name, handle] of at.entries()) found.push({ name, folder: handle.kind === 'directory' });
        return found.sort((a, b) => (a.name < b.name ? -1 : 1));
      } catch (error) {
        if (isMissing(error)) return [];
        throw error;
      }
    },
    remove: async (path) => {
      const parts = path.split('/');
      const name = parts.pop() ?? '';
      try {
        await (await folder(parts, false)).removeEntry(name, { recursive: true });
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    },
  };
}

/** Through a shared handle where the browser has them: it reads straight into the caller's memory. Else through a File. */
async function reader(handle: FileSystemFileHandle): Promise<DiskReader> {
  try {
    const open = await openSync(handle, { mode: 'read-only' });
    const read = (target: Uint8Array, at: number) => open.read(target, { at });
    return { bytes: open.getSize(), read, close: () => open.close() };
  } catch {
    const file = await handle.getFile();
    const read = async (target: Uint8Array, at: number) => {
      const part = new Uint8Array(await file.slice(at, at + target.byteLength).arrayBuffer());
      target.set(part);
      return part.byteLength;
    };
    return { bytes: file.size, read, close: () => undefined };
  }
}

const isMissing = (error: unknown) =>
  error instanceof DOMException && (error.name === 'NotFoundError' || error.name === 'TypeMismatchError');
