/** A folder as the `Disk` of stored packs: the store, the downloader and imports run in Node as they do in a browser. */

import * as fs from 'node:fs';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Disk } from '../../workers/packs/disk.ts';

/**
 * @param quota most bytes that one content may grow to hold together; more is refused as a full disk would
 */
export function nodeDisk(root: string, quota = Number.POSITIVE_INFINITY): Disk {
  const sizes = new Map<string, number>();
  const open = new Set<string>();
  /** Open readers of each path; nobody can write there meanwhile, as with shared handles in Chromium. */
  const readers = new Map<string, number>();
  const grow = (path: string, bytes: number) => {
    const others = [...sizes].reduce((sum, [name, size]) => (name === path ? sum : sum + size), 0);
    if (others + bytes > quota) throw new DOMException('no room', 'QuotaExceededError');
    sizes.set(path, Math.max(bytes, sizes.get(path) ?? 0));
  };
  return {
    openWrite: async (path) => {
      const full = join(root, path);
      mkdirSync(dirname(full), { recursive: true });
      if (open.has(path) || readers.get(path)) throw new DOMException('is open', 'NoModificationAllowedError');
      open.add(path);
      const fd = fs.openSync(full, fs.constants.O_RDWR | fs.constants.O_CREAT);
      return {
        read: (target, { at }) => fs.readSync(fd, target, 0, target.byteLength, at),
        write: (bytes, { at }) => {
          grow(path, at + bytes.byteLength);
          return fs.writeSync(fd, bytes, 0, bytes.byteLength, at);
        },
        truncate: (bytes) => {
          grow(path, bytes);
          fs.ftruncateSync(fd, bytes);
        },
        getSize: () => fs.fstatSync(fd).size,
        // No power is cut here. A disk that is busy with other writes would hold up this thread for seconds, and with it the
        // test's server and clocks.
        flush: () => undefined,
        close: () => {
          open.delete(path);
          fs.closeSync(fd);
        },
      };
    },
    openRead: async (path) => {
      const fd = fs.openSync(join(root, path), 'r');
      readers.set(path, (readers.get(path) ?? 0) + 1);
      return {
        bytes: fs.fstatSync(fd).size,
        read: (target, at) => fs.readSync(fd, target, 0, target.byteLength, at),
        close: () => {
          readers.set(path, (readers.get(path) ?? 1) - 1);
          fs.closeSync(fd);
        },
      };
    },
    stat: async (path) => {
      const stat = fs.statSync(join(root, path), { throwIfNoEntry: false });
      return stat?.isFile() ? { bytes: stat.size, modified: stat.mtimeMs } : null;
    },
    list: async (path) => {
      if (!fs.existsSync(join(root, path))) return [];
      return fs
        .readdirSync(join(root, path), { withFileTypes: true })
        .map((entry) => ({ name: entry.name, folder: entry.isDirectory() }));
    },
    remove: async (path) => {
      for (const name of [...sizes.keys()]) if (name === path || name.startsWith(`${path}/`)) sizes.delete(name);
      fs.rmSync(join(root, path), { recursive: true, force: true });
    },
  };
}
