/** What is under way with packs in this worker: one thing a pack, under the pack's lock, with progress and a way to stop. */
import { EngineError } from '../errors.ts';
import { asEngineError } from '../outcome.ts';
import { type Release, soleLock, writeLock } from './locks.ts';
import { isLocked } from './pack-writer.ts';
import { Progress } from './progress.ts';
import type { PackEvent, PackStatus, StoredId } from './protocol.ts';

type Moving = 'downloading' | 'importing' | 'verifying';
/** Events for a person's eyes: more would only keep the page busy. */
const EVERY_MS = 200;

export class Activity {
  readonly id: StoredId;
  readonly #abort = new AbortController();
  readonly #tell: (status: PackStatus) => void;
  #progress = new Progress(0);
  #state: Moving | 'waiting' = 'downloading';
  #told = 0;
  #last: { done: number; total: number } = { done: 0, total: 0 };
  /** What is stored stays when it is cancelled, whole or not: a check only looks. */
  keeps = false;
  /** Why it was stopped; null while nobody asked. */
  stopped: 'pause' | 'cancel' | null = null;

  constructor(id: StoredId, tell: (status: PackStatus) => void) {
    this.id = id;
    this.#tell = tell;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  stop(why: 'pause' | 'cancel'): void {
    this.stopped ??= why;
    if (why === 'cancel') this.stopped = why;
    this.#abort.abort();
  }

  begin(state: Moving, done: number, total: number): void {
    this.#state = state;
    this.#progress = new Progress(total);
    this.#progress.begin(done);
    this.#told = Number.NEGATIVE_INFINITY;
    this.report(done);
  }

  /** Cheap between two events: it is called for every chunk that comes. */
  report(done: number): void {
    const now = performance.now();
    if (now - this.#told < EVERY_MS && done < this.#last.total) return;
    this.#told = now;
    const measured = this.#progress.update(done);
    this.#last = { done: measured.done, total: measured.total };
    if (this.#state === 'waiting') this.#tell({ state: 'waiting', ...this.#last });
    else this.#tell({ state: this.#state, ...measured });
  }

  waiting(waiting: boolean): void {
    this.#state = waiting ? 'waiting' : 'downloading';
    this.#told = Number.NEGATIVE_INFINITY;
    this.report(this.#last.done);
  }

  paused(): void {
    this.#tell({ state: 'paused', ...this.#last });
  }
}

export class Activities {
  readonly #live = new Map<string, { activity: Activity; over: Promise<unknown> }>();
  readonly #status = new Map<string, PackStatus>();
  tell: (event: PackEvent) => void = () => {};

  status(id: StoredId): PackStatus {
    return this.#status.get(keyOf(id)) ?? { state: 'idle' };
  }

  of(id: StoredId): Activity | null {
    return this.#live.get(keyOf(id))?.activity ?? null;
  }

  /** Resolves when nothing is under way with the pack any more. */
  async over(id: StoredId): Promise<void> {
    await this.#live.get(keyOf(id))?.over;
  }

  forget(id: StoredId): void {
    this.#status.delete(keyOf(id));
  }

  /**
   * @param sole nobody may read the pack meanwhile
   * @throws EngineError 'pack-busy' when something is under way with it, here or in another tab; what `work` throws
   */
  async run<T>(id: StoredId, sole: boolean, work: (activity: Activity) => Promise<T>): Promise<T> {
    const release = await lockPack(id.name, sole);
    const activity = new Activity(id, (status) => this.#set(id, status));
    const running = work(activity);
    this.#live.set(keyOf(id), { activity, over: running.catch(() => undefined) });
    try {
      const value = await running;
      this.#set(id, { state: 'done' });
      return value;
    } catch (cause) {
      const error = isLocked(cause) ? new EngineError('pack-busy', String(cause)) : asEngineError(cause);
      const { code, message, values } = error;
      if (activity.stopped === 'cancel') this.#set(id, { state: 'idle' });
      else if (activity.stopped === 'pause') activity.paused();
      else this.#set(id, { state: 'failed', code, detail: message, values: { ...values } });
      throw activity.stopped ? new EngineError('cancelled') : error;
    } finally {
      this.#live.delete(keyOf(id));
      release();
    }
  }

  #set(id: StoredId, status: PackStatus): void {
    this.#status.set(keyOf(id), status);
    this.tell({ id, status });
  }
}

async function lockPack(name: string, sole: boolean): Promise<Release> {
  const busy = () => new EngineError('pack-busy', `pack ${name} is in use`, { pack: name });
  const write = await writeLock(name);
  if (!write) throw busy();
  const alone = sole ? await soleLock(name) : () => undefined;
  if (alone) {
    return () => {
      alone();
      write();
    };
  }
  write();
  throw busy();
}

const keyOf = ({ name, version }: StoredId) => `${name} ${version}`;
