/** Threads that do a build's tasks. Small builds run in the calling thread: starting threads takes longer than they do. */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type Result, type Task, TaskRunner } from './task.ts';

/** A failed task: the message of what failed, and the system's code (ENOSPC, EIO, …) where it has one. */
export class TaskError extends Error {
  readonly code: string;
  constructor(message: string, code: string) {
    super(message);
    this.name = 'TaskError';
    this.code = code;
  }
}

export interface Executor {
  /** Tasks that may run at a time. */
  readonly width: number;
  run(task: Task): Promise<Result>;
  close(): Promise<void>;
}

/** More threads than this don't read faster, and each takes about 60 MB. */
const MOST_THREADS = 12;

export const defaultThreads = () => Math.min(MOST_THREADS, availableParallelism());

class Inline implements Executor {
  readonly width = 1;
  private readonly runner: TaskRunner;

  constructor(folder: string) {
    this.runner = new TaskRunner(folder);
  }

  async run(task: Task): Promise<Result> {
    return this.runner.run(task);
  }

  async close(): Promise<void> {
    this.runner.close();
  }
}

type Answer = { id: number; result: Result } | { id: number; error: string; code: string };

interface Waiting {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

class Thread {
  readonly waiting = new Map<number, Waiting>();
  private readonly worker: Worker;
  private count = 0;

  constructor(folder: string) {
    // The flags of this process (tsx's, Vitest's) are not for the thread: worker-start.mjs does what it needs.
    this.worker = new Worker(new URL('./worker-start.mjs', import.meta.url), {
      workerData: { folder },
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 16 },
    });
    this.worker.on('message', (answer: Answer) => {
      const waiting = this.waiting.get(answer.id);
      this.waiting.delete(answer.id);
      if ('result' in answer) waiting?.resolve(answer.result);
      else waiting?.reject(new TaskError(answer.error, answer.code));
    });
    this.worker.on('error', (error) => this.failAll(error instanceof Error ? error : new Error(String(error))));
    this.worker.on('exit', () => this.failAll(new Error('a thread of the build has ended')));
  }

  private failAll(error: Error): void {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  run(task: Task): Promise<Result> {
    const id = this.count++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, task });
    });
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }
}

/** Each thread has one task and the next in its queue, so that it never waits for this one. */
const QUEUED = 2;

class Threads implements Executor {
  readonly width: number;
  private readonly threads: Thread[];

  constructor(folder: string, count: number) {
    this.threads = Array.from({ length: count }, () => new Thread(folder));
    this.width = QUEUED * count;
  }

  run(task: Task): Promise<Result> {
    const idle = this.threads.reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a));
    return idle.run(task);
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.close()));
  }
}

/** @param threads 1 works in the calling thread */
export function openExecutor(folder: string, threads: number): Executor {
  return threads <= 1 ? new Inline(folder) : new Threads(folder, threads);
}

/**
 * Runs tasks, several at a time, in order of their start.
 *
 * @param memory bytes that a task needs; tasks wait while those that run need more than `budget` together
 * @param done called with every result
 * @throws the first error, once the tasks that run have ended
 */
export async function runAll(
  executor: Executor,
  tasks: readonly { task: Task; memory: number }[],
  budget: number,
  done: (at: number, result: Result) => void,
): Promise<void> {
  let next = 0;
  let used = 0;
  let failed: unknown;
  const running = new Set<Promise<void>>();
  while (next < tasks.length || running.size > 0) {
    const item = tasks[next];
    const room = running.size < executor.width && (running.size === 0 || used + (item?.memory ?? 0) <= budget);
    if (item !== undefined && room && failed === undefined) {
      const at = next++;
      used += item.memory;
      const promise: Promise<void> = executor
        .run(item.task)
        .then((result) => done(at, result))
        .catch((error: unknown) => {
          failed ??= error;
        })
        .finally(() => {
          used -= item.memory;
          running.delete(promise);
        });
      running.add(promise);
    } else if (running.size > 0) {
      await Promise.race(running);
    } else break;
  }
  if (failed !== undefined) throw failed;
}
