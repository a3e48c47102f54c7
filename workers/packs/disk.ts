/**
 * The little of a file system that stored packs need. In the browser it is the origin-private file system (`opfs.ts`);
 * tests and tools in Node use a folder. Paths are relative, with "/".
 */

/** Open for writing: nobody else can open the file meanwhile. Same calls as FileSystemSyncAccessHandle. */
export interface DiskFile {
  read(target: Uint8Array, options: { at: number }): number;
  /** Throws QuotaExceededError, or writes less than all, when there is no room. */
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(bytes: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

/** Open for reading, beside other readers. */
export interface DiskReader {
  readonly bytes: number;
  /** Fills `target` from `at` on; answers how many bytes there were. */
  read(target: Uint8Array, at: number): number | Promise<number>;
  close(): void;
}

export interface Disk {
  /** Creates folders and file as needed. Throws NoModificationAllowedError while somebody else has it open. */
  openWrite(path: string): Promise<DiskFile>;
  /** Throws NotFoundError. */
  openRead(path: string): Promise<DiskReader>;
  /** Size, and time of the last change in ms; null when there is no such file. */
  stat(path: string): Promise<{ bytes: number; modified: number } | null>;
  list(path: string): Promise<{ name: string; folder: boolean }[]>;
  /** A file, or a folder with all in it; nothing happens when it is not there. */
  remove(path: string): Promise<void>;
}

/** A small file as a whole; null when it is not there, or larger than `limit`. */
export async function readSmall(disk: Disk, path: string, limit: number): Promise<Uint8Array<ArrayBuffer> | null> {
  if ((await disk.stat(path)) === null) return null;
  const reader = await disk.openRead(path);
  try {
    if (reader.bytes > limit) return null;
    const bytes = new Uint8Array(reader.bytes);
    const count = await reader.read(bytes, 0);
    return bytes.subarray(0, count);
  } finally {
    reader.close();
  }
}

/** Replaces a small file. */
export async function writeSmall(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.openWrite(path);
  try {
    if (file.write(bytes, { at: 0 }) !== bytes.byteLength) throw new DOMException('short write', 'QuotaExceededError');
    file.truncate(bytes.byteLength);
    file.flush();
  } finally {
    file.close();
  }
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index]);
}

/** Streams can't be looped over in every browser. */
export async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const reader = stream.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
