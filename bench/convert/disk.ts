/** What a disk gives: sequential writing with fsync, and reading past the cache. */
import { spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const BYTES = 1 << 30;
const CHUNK = 8 << 20;

export interface DiskSpeed {
  /** MB/s, 1 GiB. */
  readonly write: number;
  readonly read: number;
  /** Whether reading went past the system's cache (dd with O_DIRECT); otherwise it is the memory's speed. */
  readonly uncached: boolean;
}

/** Writes 1 GiB into the folder, reads it back, deletes it. */
export function diskSpeed(folder: string): DiskSpeed {
  const path = join(folder, `disk-speed-${process.pid}.tmp`);
  const rate = (started: number) => Math.round(BYTES / 1e6 / ((performance.now() - started) / 1000));
  try {
    const data = new Uint8Array(CHUNK).map((_, i) => Math.imul(i, 0x9e3779b9) >>> 24);
    let started = performance.now();
    let file = openSync(path, 'w');
    for (let at = 0; at < BYTES; at += CHUNK) writeSync(file, data);
    fsyncSync(file);
    closeSync(file);
    const write = rate(started);
    started = performance.now();
    const direct = spawnSync('dd', [`if=${path}`, 'of=/dev/null', 'bs=8M', 'iflag=direct'], { stdio: 'ignore' });
    if (direct.status === 0) return { write, read: rate(started), uncached: true };
    started = performance.now();
    file = openSync(path, 'r');
    for (let at = 0; at < BYTES; at += CHUNK) readSync(file, data, 0, CHUNK, at);
    closeSync(file);
    return { write, read: rate(started), uncached: false };
  } finally {
    rmSync(path, { force: true });
  }
}
