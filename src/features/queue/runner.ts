/** The queue's loop: one photo after the other through the engine. Where files lie is its caller's business. */
import { APP_VERSION } from '../../app/version.ts';
import type { EngineBridge } from '../../bridge/engine.ts';
import { type Failure, fail, failureOf, type Result } from '../../bridge/outcome.ts';
import type { useApp } from '../../store/index.ts';
import type { QueueItem } from '../../store/queueSlice.ts';
import { ENDING } from '../export/fileName.ts';
import { hitsEveryPhoto } from './faults.ts';
import { nameFor } from './names.ts';

/** What became of a result. */
export type Put = Pick<QueueItem, 'saved' | 'stored'>;

export interface Means {
  readonly engine: Pick<EngineBridge, 'start' | 'open' | 'propose' | 'restore' | 'save' | 'pause' | 'cancel'>;
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

export class QueueRunner {
  readonly #means: Means;
  /** The loop is still in its present photo, be it a skipped one: a second loop would take the engine from it. */
  #looping = false;

  constructor(means: Means) {
    this.#means = means;
  }

  /** Restores what waits, until nothing does or it is paused. After a pause it goes on. */
  async run(): Promise<void> {
    const { queueState, setQueue } = this.#state();
    if (queueState === 'running') return;
    if (queueState === 'paused') this.#means.engine.pause(false);
    setQueue({ queueState: 'running', queueTrouble: null });
    if (this.#looping) return;
    this.#looping = true;
    const release = this.#means.awake();
    try {
      for (;;) {
        const { queueState: now, queue } = this.#state();
        const next = now === 'running' ? queue.find((item) => item.status === 'waiting') : undefined;
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
    const result = await this.#work(item);
    if (!this.#wanted(item.id)) {
      if (result.ok) await this.#means.takeBack(item.id, result.value);
      return;
    }
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

  async #work(item: QueueItem): Promise<Result<Put>> {
    const { engine, photo, store } = this.#means;
    const file = await photo(item.id);
    if (!file) return fail('corrupt-image', 'its file was not kept');
    const chosen = await this.#prepare(item, file);
    if (!chosen.ok) return chosen;
    const { request } = chosen.value;
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
      // All of it: the strength in the store is that of a single photo's slider, which is not seen here.
      const layers = restored ? [{ version: restored.value.id, strength: 1, mask: null }] : [];
      const saved = await engine.save({ format, quality, privacy: settings.privacy, layers, app: APP_VERSION });
      if (disturbed || !this.#wanted(item.id)) return GONE;
      if (!saved.ok) return saved;
      const { task } = chosen.value;
      const parts = { file: item.name, task, number: item.order, date: new Date(), ending: ENDING[format] };
      return this.#means.put(item.id, nameFor(this.#state().template, parts), saved.value.file);
    } finally {
      stop();
    }
  }

  /** Opens the photo and finds out what to do with it, all of it once more after a pause: another may be open by then. */
  async #prepare(item: QueueItem, file: Blob) {
    for (;;) {
      if (!this.#wanted(item.id)) return GONE;
      const opened = await this.#means.engine.open(file);
      if (!this.#wanted(item.id)) return GONE;
      if (!opened.ok) return opened;
      const chosen = await this.#settingsFor(item);
      if (!chosen.ok) return chosen;
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
    if (wanted !== 'auto') return { ok: true as const, value: { task: wanted, request: { task: wanted, ...rest } } };
    const proposal = await this.#means.engine.propose();
    if (!proposal.ok) return proposal;
    if (!proposal.value) return fail('internal', 'the pack proposes no task');
    const { task, strength } = proposal.value;
    const request = strength === 0 ? null : { task, ...rest, ...(strength < 1 && { strength }) };
    return { ok: true as const, value: { task, request } };
  }
}
