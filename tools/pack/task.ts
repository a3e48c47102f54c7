/** What threads of a build do: make weights and write them at their places, and read whole shards back. No shared state. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { FileHash, type FileSpec } from './files.ts';
import type { Job, Write } from './jobs.ts';
import { TensorReader } from './source.ts';
import { makeWeights } from './weights.ts';

/** A write and the hash that it should have. */
export interface Expected extends Write {
  readonly hash: string;
}

export type Task =
  | { readonly kind: 'make'; readonly job: Job }
  | { readonly kind: 'verify'; readonly shard: string; readonly writes: readonly Expected[] };

export type Result =
  /** Hashes of the job's writes, in order. */
  | { readonly kind: 'make'; readonly hashes: readonly string[] }
  /** `wrong`: indices of the writes that the disk gives back differently. */
  | { readonly kind: 'verify'; readonly file: FileSpec; readonly wrong: readonly number[] };

/** 128 bits of SHA-256: enough to tell that a disk or a killed run left other bytes. */
const hashOf = (data: Uint8Array) => createHash('sha256').update(data).digest('hex').slice(0, 32);

const READ_BYTES = 4 * 1024 * 1024;

export class TaskRunner {
  private readonly folder: string;
  private readonly reader = new TensorReader();
  private readonly shards = new Map<string, number>();

  /** @param folder where the shards lie; they are there already, at their full size */
  constructor(folder: string) {
    this.folder = folder;
  }

  run(task: Task): Result {
    return task.kind === 'make'
      ? { kind: 'make', hashes: this.make(task.job) }
      : { kind: 'verify', ...this.verify(task.shard, task.writes) };
  }

  private make(job: Job): string[] {
    const made = makeWeights(job, this.reader);
    return job.outputs.flatMap(({ writes }, at) =>
      writes.map((write, part) => {
        const data = made[at]?.[part] ?? new Uint8Array(0);
        this.write(write, data);
        return hashOf(data);
      }),
    );
  }

  private write({ shard, offset }: Write, data: Uint8Array): void {
    let file = this.shards.get(shard);
    if (file === undefined) {
      file = openSync(join(this.folder, shard), 'r+');
      this.shards.set(shard, file);
    }
    for (let done = 0; done < data.length; ) {
      done += writeSync(file, data, done, data.length - done, offset + done);
    }
  }

  private verify(shard: string, writes: readonly Expected[]): { file: FileSpec; wrong: number[] } {
    const order = writes.map((write, index) => ({ ...write, index })).sort((a, b) => a.offset - b.offset);
    const file = openSync(join(this.folder, shard), 'r');
    const whole = new FileHash();
    const wrong: number[] = [];
    try {
      const buffer = new Uint8Array(READ_BYTES);
      let next = 0;
      let hash = createHash('sha256');
      for (let position = 0; ; ) {
        const got = readSync(file, buffer, 0, READ_BYTES, position);
        if (got === 0) break;
        whole.update(buffer.subarray(0, got));
        const end = position + got;
        // Writes don't overlap: they come one after the other, with padding in between.
        for (let write = order[next]; write !== undefined && write.offset < end; write = order[next]) {
          const from = Math.max(write.offset, position);
          const to = Math.min(write.offset + write.bytes, end);
          hash.update(buffer.subarray(from - position, to - position));
          if (to < write.offset + write.bytes) break;
          if (hash.digest('hex').slice(0, 32) !== write.hash) wrong.push(write.index);
          hash = createHash('sha256');
          next++;
        }
        position = end;
      }
      for (const write of order.slice(next)) wrong.push(write.index);
    } finally {
      closeSync(file);
    }
    return { file: whole.finish(), wrong };
  }

  close(): void {
    this.reader.close();
    for (const file of this.shards.values()) closeSync(file);
    this.shards.clear();
  }
}
