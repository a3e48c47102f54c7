/** The queue's loop: one photo after the other through the engine. Where files lie is its caller's business. */
import { APP_VERSION } from '../../app/version.ts';
import type { EngineBridge } from '../../bridge/engine.ts';
import { type Failure, fail, failureOf, type Result } from '../../bridge/outcome.ts';
import type { useApp } from '../../store/index.ts';
import type { QueueItem } from '../../store/queueSlice.ts';
import { ENDING } from '../export/fileName.ts';
import { restoredWith, writtenWith } from './applied.ts';
import { hitsEveryPhoto } from './faults.ts';
import { type Finished, FinishedOne } from './finished.ts';
import { nameFor } from './names.ts';

/** What became of a result. */
export type Put = Pick<QueueItem, 'saved' | 'stored'>;

export interface Means {
  readonly engine: Pick<
    EngineBridge,
    'start' | 'restart' | 'open' | 'propose' | 'restore' | 'save' | 'pause' | 'cancel'
  >;
  readonly store: Pick<typeof useApp, 'getState' | 'subscribe'>;
  /** Changes an item and writes that down. */
  readonly change: (id: string, values: Partial<QueueItem>) => void;
  readonly photo: (id: string) => Promise<Blob | null>;
  readonly put: (id: string, name: string, file: Blob) => Promise<Result<Put>>;
  /** Takes away what was put for an item that meanwhile is no longer wanted. */
  readonly takeBack: (id: string, put: Put) => Promise<void>;
  /** @returns what lets the screen go to sleep again */
  readonly awake: () => () => void;
}

/** Skipped or removed meanwhile, or another photo is open. */
const GONE = fail('cancelled');
/** The photo was held in memory alone, or its file was removed from outside. */
const NO_FILE = fail('cancelled', 'its file is not here any more');

export class QueueRunner {
  readonly #means: Means;
  /** The loop is still in its present photo, be it a skipped one: a second loop would take the engine from it. */
  #looping = false;
  readonly #finished: FinishedOne;

  constructor(means: Means) {
    this.#means = means;
    this.#finished = new FinishedOne(means.store);
  }

  /** Restores what waits, until nothing does or it is paused. After a pause it goes on. */
  async run(): Promise<void> {
    const { queueState, queueTrouble, setQueue } = this.#state();
    if (queueState === 'running') return;
    // Devices of that worker were lost again and again: another one begins anew.
    if (queueTrouble?.code === 'device-lost') this.#means.engine.restart();
    if (queueState === 'paused') this.#means.engine.pause(false);
    setQueue({ queueState: 'running', queueTrouble: null });
    if (this.#looping) return;
    this.#looping = true;
    const release = this.#means.awake();
    try {
      for (;;) {
        if (this.#state().queueState !== 'running') break;
        const waiting = this.#state().queue.filter(({ status }) => status === 'waiting');
        // What is finished comes first: another photo might end up in its place.
        const next = waiting.find(({ id }) => id === this.#finished.id) ?? waiting[0];
        if (!next) break;
        await this.#restoreItem(next);
      }
    } finally {
      this.#looping = false;
      release();
      if (this.#state().queueState === 'running') setQueue({ queueState: 'idle' });
    }
  }

  /** The photo under way stands still; it goes on from there. */
  pause(): void {
    if (this.#state().queueState !== 'running') return;
    this.#means.engine.pause(true);
    this.#state().setQueue({ queueState: 'paused' });
  }

  skip(id: string): void {
    const running = this.#wanted(id);
    this.#means.change(id, { status: 'skipped' });
    if (running) this.#means.engine.cancel();
  }

  remove(id: string): void {
    const running = this.#wanted(id);
    this.#state().setQueue({ queue: this.#state().queue.filter((item) => item.id !== id) });
    if (running) this.#means.engine.cancel();
  }

  #state = () => this.#means.store.getState();

  /** Only the loop makes an item `running`, so one that was skipped and asked for again is not this work's any more. */
  #wanted = (id: string): boolean => this.#state().queue.find((item) => item.id === id)?.status === 'running';

  async #restoreItem(item: QueueItem): Promise<void> {
    const { change } = this.#means;
    const began = performance.now();
    change(item.id, { status: 'running', error: null });
    const result = await (this.#putFinished(item) ?? this.#fromFile(item));
    if (!this.#wanted(item.id)) {
      if (result.ok) await this.#means.takeBack(item.id, result.value);
      return;
    }
    if (result === NO_FILE) return change(item.id, { status: 'gone' });
    const milliseconds = Math.round(performance.now() - began);
    if (result.ok) return change(item.id, { status: 'done', ...result.value, milliseconds });
    const everywhere = hitsEveryPhoto(result);
    // Another photo was opened meanwhile, or may have been during a pause: this one has its turn again.
    const again = everywhere || result.code === 'cancelled' || this.#state().queueState === 'paused';
    if (again) change(item.id, { status: 'waiting' });
    else change(item.id, { status: 'failed', error: result.code, milliseconds });
    if (everywhere) this.#stopFor(failureOf(result));
  }

  #stopFor(queueTrouble: Failure): void {
    this.#state().setQueue({ queueState: 'paused', queueTrouble });
  }

  /** Null where nothing is finished that is still wanted. */
  #putFinished(item: QueueItem): Promise<Result<Put>> | null {
    const state = this.#state();
    const finished = this.#finished.of(item.id, restoredWith(item, state) + writtenWith(state));
    return finished && this.#put(item, finished);
  }

  async #put(item: QueueItem, finished: Finished): Promise<Result<Put>> {
    const { task, ending, file } = finished;
    const parts = { file: item.name, task, number: item.order, date: new Date(), ending };
    const put = await this.#means.put(item.id, nameFor(this.#state().template, parts), file);
    if (!put.ok && this.#wanted(item.id)) this.#finished.keep(finished);
    return put;
  }

  async #fromFile(item: QueueItem): Promise<Result<Put>> {
    const file = await this.#means.photo(item.id);
    return file ? this.#work(item, file) : NO_FILE;
  }

  async #work(item: QueueItem, file: Blob): Promise<Result<Put>> {
    const { engine, store } = this.#means;
    const chosen = await this.#prepare(item, file);
    if (!chosen.ok) return chosen;
    const { request, task, restored: made } = chosen.value;
    // The engine works on whichever photo is open: what it gives from here on may be another photo's.
    let disturbed = false;
    const stop = store.subscribe((state) => {
      if (state.photo || state.opening) disturbed = true;
    });
    try {
      const restored = request
        ? await engine.restore(request, (event) => event.type === 'paint' && event.image.close())
        : null;
      if (disturbed || !this.#wanted(item.id)) return GONE;
      if (restored && !restored.ok) return restored;
      const { format, quality, settings } = this.#state();
      const written = writtenWith(this.#state());
      // All of it: the strength in the store is that of a single photo's slider, which is not seen here.
      const layers = restored ? [{ version: restored.value.id, strength: 1, mask: null }] : [];
      const saved = await engine.save({ format, quality, privacy: settings.privacy, layers, app: APP_VERSION });
      if (disturbed || !this.#wanted(item.id)) return GONE;
      if (!saved.ok) return saved;
      const finished = { id: item.id, made: made + written, task, ending: ENDING[format], file: saved.value.file };
      return await this.#put(item, finished);
    } finally {
      stop();
    }
  }

  /** Opens the photo and finds out what to do with it, all of it once more after a pause: another may be open by then. */
  async #prepare(item: QueueItem, file: Blob) {
    for (let renewed = false; ; ) {
      if (!this.#wanted(item.id)) return GONE;
      const opened = await this.#means.engine.open(file);
      if (!this.#wanted(item.id)) return GONE;
      if (!opened.ok) return opened;
      const chosen = await this.#settingsFor(item);
      if (!chosen.ok) {
        // Only a job gets a new device by itself. While paused the engine may be another photo's.
        if (chosen.code !== 'device-lost' || renewed || this.#state().queueState !== 'running') return chosen;
        renewed = true;
        this.#means.engine.restart();
        continue;
      }
      const held = await this.#held(item.id);
      if (!this.#wanted(item.id)) return GONE;
      if (!held) return chosen;
    }
  }

  /** A job that starts is not paused: a pause before it is waited for here. Answers whether there was one. */
  #held(id: string): Promise<boolean> {
    const over = () => this.#state().queueState !== 'paused' || !this.#wanted(id);
    if (over()) return Promise.resolve(false);
    return new Promise((resolve) => {
      const stop = this.#means.store.subscribe(() => {
        if (!over()) return;
        stop();
        resolve(true);
      });
    });
  }

  /** Without a request the photo is left as it is: it looks clean. */
  async #settingsFor(item: QueueItem) {
    const { steps, seed, tile, task: common } = this.#state();
    const restored = restoredWith(item, this.#state());
    const started = await this.#means.engine.start();
    if (!started.ok) return started;
    if (!this.#wanted(item.id)) return GONE;
    const wanted = item.task ?? common;
    const rest = {
      steps: steps ?? started.value.pack.steps.default,
      seed,
      ...(tile !== null && { tile }),
      keep: false,
    };
    if (wanted !== 'auto') {
      return { ok: true as const, value: { task: wanted, request: { task: wanted, ...rest }, restored } };
    }
    const proposal = await this.#means.engine.propose();
    if (!proposal.ok) return proposal;
    // A pack that proposes tasks has no answer while the device is lost.
    if (!proposal.value) return fail(started.value.pack.auto ? 'device-lost' : 'internal', 'no task was proposed');
    const { task, strength } = proposal.value;
    const request = strength === 0 ? null : { task, ...rest, ...(strength < 1 && { strength }) };
    return { ok: true as const, value: { task, request, restored } };
  }
}
