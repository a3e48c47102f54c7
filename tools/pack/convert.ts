/** Makes the shards of a pack: goes on with an interrupted build, does the jobs, reads everything back. */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { FileSpec } from './files.ts';
import { elementsOfJob, type Job, jobMemory } from './jobs.ts';
import { Journal } from './journal.ts';
import { clear, type OutFolder } from './out-folder.ts';
import { openExecutor, runAll } from './pool.ts';
import { duration, Progress } from './progress.ts';
import { DTYPE_BYTES } from './source.ts';
import type { Expected, Task } from './task.ts';

/** Jobs that need a lot of memory wait until those that run need less than this together. */
const MEMORY_BUDGET = 700 * 1024 * 1024;

/** Below this, starting threads takes longer than the work. */
export const INLINE_ELEMENTS = 48 * 1024 * 1024;

export interface Work {
  readonly out: string;
  readonly jobs: readonly Job[];
  /** Shard name to bytes. */
  readonly shards: ReadonlyMap<string, number>;
  /** Names of the pack's other files, which count as ours from now on. */
  readonly otherFiles: readonly string[];
  /** All that the bytes depend on. */
  readonly identity: unknown;
  readonly threads: number;
  /** Builds of fewer elements are done in the calling thread. */
  readonly smallest: number;
}

export interface Converted {
  readonly files: Record<string, FileSpec>;
  readonly journal: Journal;
  /** Jobs of this run, and those that an earlier run had done. */
  readonly jobs: { readonly done: number; readonly kept: number; readonly again: number };
  readonly seconds: { readonly make: number; readonly verify: number };
}

const now = () => performance.now() / 1000;
const sourceBytes = (job: Job) => elementsOfJob(job) * DTYPE_BYTES[job.place.dtype];

const fingerprintOf = (identity: unknown) => createHash('sha256').update(JSON.stringify(identity)).digest('hex');

/** Creates the shards at their full size; those of an interrupted build stay as they are. */
function createShards(out: string, shards: ReadonlyMap<string, number>): void {
  for (const [name, bytes] of shards) {
    const file = openSync(join(out, name), existsSync(join(out, name)) ? 'r+' : 'w');
    ftruncateSync(file, bytes);
    closeSync(file);
  }
}

function openJournal(work: Work, folder: OutFolder, log: (line: string) => void): Journal {
  const { out, jobs, shards } = work;
  const fingerprint = fingerprintOf(work.identity);
  const complete = [...shards].every(([name, bytes]) => {
    const path = join(out, name);
    return existsSync(path) && statSync(path).size === bytes;
  });
  if (folder.interrupted === fingerprint && complete) {
    const journal = Journal.resume(out, (at) => jobs[at]?.outputs.reduce((sum, { writes }) => sum + writes.length, 0));
    log(`Going on with the interrupted build in ${out}: ${journal.done.size} of ${jobs.length} jobs are done.`);
    return journal;
  }
  if (folder.interrupted !== null) {
    log(`${out} holds an interrupted build of another checkpoint or with other options: starting again.`);
  }
  if (folder.finished) log(`Replacing the pack in ${out}.`);
  clear(out, folder);
  mkdirSync(out, { recursive: true });
  const journal = Journal.begin(out, fingerprint, [...work.otherFiles, ...shards.keys()]);
  createShards(out, shards);
  return journal;
}

/**
 * Does all jobs that are not done, then reads every shard back and compares it with the hashes of what was written. What
 * differs is made once more.
 *
 * @throws Error of the first job that failed; what was done stays done. Error when a disk keeps giving back other bytes.
 */
export async function convert(work: Work, folder: OutFolder, log: (line: string) => void): Promise<Converted> {
  const { jobs } = work;
  const journal = openJournal(work, folder, log);
  const kept = journal.done.size;
  const elements = jobs.reduce((sum, job) => sum + elementsOfJob(job), 0);
  const executor = openExecutor(work.out, elements < work.smallest ? 1 : work.threads);
  const make = async (indices: readonly number[]) => {
    const total = jobs.reduce((sum, job) => sum + sourceBytes(job), 0);
    const rest = indices.reduce((sum, at) => sum + (jobs[at] ? sourceBytes(jobs[at]) : 0), 0);
    const progress = new Progress(total, total - rest, log);
    const tasks = indices.flatMap((at) => {
      const job = jobs[at];
      return job ? [{ at, memory: jobMemory(job), task: { kind: 'make', job } satisfies Task }] : [];
    });
    await runAll(executor, tasks, MEMORY_BUDGET, (index, result) => {
      const at = tasks[index]?.at;
      const job = at === undefined ? undefined : jobs[at];
      if (at === undefined || job === undefined || result.kind !== 'make') return;
      journal.add(at, result.hashes);
      progress.add(sourceBytes(job), now());
    });
  };
  try {
    const started = now();
    const missing = jobs.flatMap((_, at) => (journal.done.has(at) ? [] : [at]));
    await make(missing);
    const made = now();
    log(`${missing.length} jobs done in ${duration(made - started)}; reading everything back`);
    const first = await verify(work, journal, executor, [...work.shards.keys()]);
    const files = { ...first.files };
    if (first.wrong.size > 0) {
      log(`${first.wrong.size} jobs left other bytes than they wrote: making them again`);
      await make([...first.wrong]);
      const second = await verify(work, journal, executor, [...first.shards]);
      if (second.wrong.size > 0) {
        throw new Error(
          `The disk of ${work.out} gives back other bytes than were written. Check the disk, or use another.`,
        );
      }
      Object.assign(files, second.files);
    }
    return {
      files: Object.fromEntries([...work.shards.keys()].flatMap((name) => (files[name] ? [[name, files[name]]] : []))),
      journal,
      jobs: { done: missing.length, kept, again: first.wrong.size },
      seconds: { make: made - started, verify: now() - made },
    };
  } finally {
    await executor.close();
  }
}

interface Verified {
  readonly files: Record<string, FileSpec>;
  /** Jobs whose bytes are wrong, and the shards where they are. */
  readonly wrong: ReadonlySet<number>;
  readonly shards: ReadonlySet<string>;
}

async function verify(
  { jobs }: Work,
  journal: Journal,
  executor: Parameters<typeof runAll>[0],
  shards: readonly string[],
): Promise<Verified> {
  const expected = new Map<string, (Expected & { job: number })[]>();
  for (const [at, hashes] of journal.done) {
    const writes = jobs[at]?.outputs.flatMap((output) => output.writes) ?? [];
    for (const [index, write] of writes.entries()) {
      const list = expected.get(write.shard) ?? [];
      list.push({ ...write, hash: hashes[index] ?? '', job: at });
      expected.set(write.shard, list);
    }
  }
  const files: Record<string, FileSpec> = {};
  const wrong = new Set<number>();
  const where = new Set<string>();
  const tasks = shards.map((shard) => ({
    memory: 0,
    task: { kind: 'verify', shard, writes: expected.get(shard) ?? [] } satisfies Task,
  }));
  await runAll(executor, tasks, MEMORY_BUDGET, (at, result) => {
    const shard = shards[at];
    if (shard === undefined || result.kind !== 'verify') return;
    files[shard] = result.file;
    for (const index of result.wrong) {
      const job = expected.get(shard)?.[index]?.job;
      if (job !== undefined) wrong.add(job);
      where.add(shard);
    }
  });
  // A job that is made again may write to other shards as well, with the same bytes: those need no second look.
  return { files, wrong, shards: where };
}
