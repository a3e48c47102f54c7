/** The engine's state behind the worker's door: runtime, pack, photo, last job. Every method answers with an `Outcome`. */
import { transfer } from 'comlink';
import { KeptJobs, NOT_KEPT } from './checkpoint/jobs.ts';
import { CheckpointThread } from './checkpoint/thread.ts';
import { EngineError } from './errors.ts';
import { lostForGood, untilLost } from './lost.ts';
import { asEngineError, outcome } from './outcome.ts';
import { browserFileCache } from './packs/file-cache.ts';
import { Store } from './packs/store.ts';
import { jobEvents, toBitmap } from './paint-events.ts';
import { ALL } from './photo/blend.ts';
import { decodePhoto } from './photo/decode.ts';
import { encodePhoto } from './photo/encode.ts';
import { barelyChanged, type Fidelity, fidelityOf, heatMap } from './photo/fidelity.ts';
import { readRecipes } from './photo/meta/xmp.ts';
import { fitInto, shrinkToRgba } from './photo/rgba.ts';
import { codecUrl, type OpenPhoto, originOf, photoInfo, resultInfo } from './photo-info.ts';
import { proposeTask } from './pipeline/auto.ts';
import { Gate } from './pipeline/gate.ts';
import type { JobEvents, JobResult } from './pipeline/job.ts';
import { type Estimate, estimateWays, type Pace, probe } from './pipeline/probe.ts';
import { countTiles, decodeStep, restorePhoto } from './pipeline/restore.ts';
import { tokenizePrompt } from './prompts/tokenizer.ts';
import type {
  EngineApi,
  EngineInfo,
  EngineOptions,
  EstimateRequest,
  NoticeCode,
  Outcome,
  PackInfo,
  PhotoInfo,
  Proposal,
  RestoreEvent,
  RestoreRequest,
  RestoreResult,
  Saved,
  SaveRequest,
  StartEvent,
  UnfinishedJob,
} from './protocol.ts';
import {
  bringUpAgain,
  engineOf,
  fallBack,
  packInfo,
  type Running,
  residentShare,
  shutDown,
  startUp,
  steppedDown,
  tidyStored,
} from './running.ts';
import { Mutex } from './runtime/mutex.ts';
import { type Layer, type Origin, Versions } from './versions.ts';

/** What stops, holds and hears a job. */
interface Hold {
  readonly abort: AbortController;
  readonly gate: Gate;
}

/** What the work of a job gets. */
interface Work {
  readonly running: Running;
  readonly tell: (event: RestoreEvent) => void;
  readonly options: { readonly signal: AbortSignal; readonly gate: Gate; readonly events: JobEvents };
}

export class RestoreEngine implements EngineApi {
  readonly #store = new Store({ cache: browserFileCache() });
  /** Starts and jobs come one after the other. */
  readonly #turn = new Mutex();
  #running: Running | null = null;
  #photo: OpenPhoto | null = null;
  readonly #versions = new Versions();
  #hold: Hold | null = null;
  /** The proposal under way, which waits for nobody. */
  #asking: AbortController | null = null;
  readonly #kept = new KeptJobs(new CheckpointThread());
  /** The job under way, which is not to be offered. */
  #jobId: string | null = null;
  /** What a probe found, for as long as that engine runs. */
  #pace: { readonly of: Running; readonly pace: Pace } | null = null;
  #ids = 0;
  /** Counts openings and closings, so that a photo whose decode ends late is dropped. */
  #opens = 0;

  start(
    options: EngineOptions,
    onEvent: (event: StartEvent) => void,
  ): Promise<Outcome<{ engine: EngineInfo; pack: PackInfo }>> {
    return this.#inTurn(async () => {
      await this.#stop();
      onEvent({ stage: 'pack', done: 0, total: 0 });
      const running = await startUp(this.#store, options, onEvent);
      this.#running = running;
      void tidyStored();
      return { engine: running.runtime.info, pack: packInfo(this.#store, running) };
    });
  }

  open(file: Blob): Promise<Outcome<PhotoInfo>> {
    return outcome(async () => {
      this.#forget();
      const mine = this.#opens;
      const pixels = await decodePhoto(file, { load: (name) => this.#store.fetchStored(codecUrl(name)) });
      if (mine !== this.#opens) throw new EngineError('cancelled', 'another photo was opened, or this one closed');
      this.#ids += 1;
      this.#photo = { id: this.#ids, file, pixels };
      const running = this.#running;
      const tiles = running ? countTiles({ manifest: running.pack.manifest, backend: running.backend }, pixels) : 0;
      return photoInfo(this.#ids, pixels, tiles);
    });
  }

  view(which: 'photo' | 'result' | number | readonly Layer[], maxSide: number): Promise<Outcome<ImageBitmap>> {
    return outcome(async () => {
      const { pixels } = this.#opened();
      const rgb = await this.#picture(which);
      const { width, height } = fitInto(pixels.width, pixels.height, maxSide);
      return toBitmap(shrinkToRgba({ ...pixels, rgb }, pixels.alpha, width, height), width, height);
    }).then((result) => (result.ok ? transfer(result, [result.value]) : result));
  }

  fidelity(layers: readonly Layer[], maxSide: number): Promise<Outcome<{ numbers: Fidelity; map: ImageBitmap }>> {
    return outcome(async () => {
      const { pixels } = this.#opened();
      const { rgb, width, height } = pixels;
      const shown = await this.#versions.shown(pixels, layers);
      const map = heatMap(rgb, shown, width, height, maxSide);
      return { numbers: fidelityOf(rgb, shown, width, height), map: toBitmap(map.rgba, map.width, map.height) };
    }).then((result) => (result.ok ? transfer(result, [result.value.map]) : result));
  }

  async dropResult(id: number): Promise<void> {
    this.#versions.drop(id);
  }

  propose(): Promise<Outcome<Proposal | null>> {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    return this.#inTurn(async () => {
      if (asking.signal.aborted) throw new EngineError('cancelled');
      const running = this.#running;
      // A lost device is for the next job to replace and to tell about.
      if (!running || (running.runtime.gpu?.lost ?? null) !== null) return null;
      return proposeTask(engineOf(running), this.#opened().pixels, asking.signal);
    });
  }

  restore(request: RestoreRequest, onEvent: (event: RestoreEvent) => void): Promise<Outcome<RestoreResult>> {
    const origin = ({ pack }: Running) => originOf(request, pack.manifest);
    return this.#job(onEvent, (work) => this.#restore(request, work), origin);
  }

  estimate({ steps, area }: EstimateRequest): Promise<Outcome<Estimate[]>> {
    return this.#inTurn(async () => {
      const { pixels } = this.#opened();
      const running = await this.#alive(() => undefined);
      const engine = engineOf(running);
      if (this.#pace?.of !== running) this.#pace = { of: running, pace: await probe(engine) };
      return estimateWays(engine, this.#pace.pace, pixels, steps, area, residentShare(running));
    });
  }

  async keepStep(step: number, onEvent: (event: RestoreEvent) => void): Promise<Outcome<RestoreResult>> {
    const done = await this.#job(onEvent, async ({ running, options }) => {
      const steps = this.#versions.stepsOf(this.#versions.newest);
      if (!steps) throw new EngineError('step-not-kept', 'there is no job to take a step of', { step });
      const input = await this.#versions.input(this.#opened().pixels, steps.base);
      return decodeStep(engineOf(running), input, steps.kept, step, options);
    });
    if (done.ok) this.#versions.setStep(done.value.id, step);
    return done;
  }

  async cancel(): Promise<void> {
    this.#hold?.abort.abort();
    this.#hold?.gate.open();
  }

  async pause(): Promise<void> {
    this.#hold?.gate.close();
  }

  async unpause(): Promise<void> {
    this.#hold?.gate.open();
  }

  unfinished(): Promise<Outcome<UnfinishedJob[]>> {
    return outcome(async () => (await this.#kept.list()).filter(({ id }) => id !== this.#jobId));
  }

  unfinishedPhoto(job: string): Promise<Outcome<File>> {
    return outcome(async () => {
      const photo = await this.#kept.photo(job);
      if (!photo) throw new EngineError('corrupt-image', `the photo of job ${job} was not kept whole`);
      return photo;
    });
  }

  discard(job: string): Promise<Outcome<void>> {
    return outcome(() => this.#kept.remove(job));
  }

  liveUnder(lock: string): Promise<void> {
    return new Promise((held) => {
      void navigator.locks.request(lock, () => {
        held();
        return new Promise(() => undefined);
      });
    });
  }

  save({ format, quality, privacy = 'keep', layers, app = '' }: SaveRequest): Promise<Outcome<Saved>> {
    return outcome(async () => {
      const { pixels } = this.#opened();
      const { newest } = this.#versions;
      const all = layers ?? (newest === null ? [] : [{ version: newest, ...ALL }]);
      const recipes = [...readRecipes(pixels.source.meta.xmp), ...all.map((one) => this.#versions.recipeOf(one, app))];
      const [only, ...more] = all;
      // One layer's strength is applied in the photo's own depth; of several, the sum is.
      const single = only && more.length === 0;
      const restored = single ? await this.#versions.restored(only.version) : await this.#versions.shown(pixels, all);
      return encodePhoto(pixels, restored, { format, quality, blend: single ? only : ALL, privacy, recipes });
    });
  }

  async close(): Promise<void> {
    this.#forget();
  }

  async loseDevice(): Promise<void> {
    this.#running?.runtime.gpu?.device.destroy();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<Outcome<T>> {
    return this.#turn.run(() => outcome(work));
  }

  /** One job: a live runtime before it, its memory freed after it, its result kept. */
  #job(
    onEvent: (event: RestoreEvent) => void,
    work: (work: Work) => Promise<JobResult>,
    origin?: (running: Running) => Promise<Origin>,
  ): Promise<Outcome<RestoreResult>> {
    const hold: Hold = { abort: new AbortController(), gate: new Gate(async () => this.#running?.backend.trim()) };
    this.#hold = hold;
    this.#asking?.abort();
    const { signal } = hold.abort;
    return this.#inTurn(async () => {
      if (signal.aborted) throw new EngineError('cancelled');
      let heard: unknown;
      const tell = (event: RestoreEvent) => {
        heard = onEvent(event);
      };
      const running = await this.#alive(tell);
      running.backend.resetPeak();
      const photo = this.#opened();
      const options = { signal, gate: hold.gate, events: jobEvents(tell) };
      try {
        const result = await work({ running, tell, options });
        // Events and the answer travel on different ports: the answer must not overtake the last step.
        await Promise.resolve(heard).catch(() => undefined);
        const id = await this.#keep(photo, result, await origin?.(this.#running ?? running));
        return resultInfo(id, result, (this.#running ?? running).backend.memory());
      } finally {
        const now = this.#running;
        if (now && (now.runtime.gpu?.lost ?? null) === null) await now.backend.trim();
      }
    });
  }

  /** A new result, or with another step of the newest one the same. */
  async #keep(photo: OpenPhoto, { rgb, kept }: JobResult, origin?: Origin): Promise<number> {
    const { newest } = this.#versions;
    const id = origin || newest === null ? ++this.#ids : newest;
    if (this.#photo !== photo) return id;
    if (origin) this.#versions.add(id, rgb, origin, kept);
    else if (newest !== null) this.#versions.replace(newest, rgb, kept);
    return id;
  }

  /** A job with its checkpoint. After wrong numbers it goes on from its last good step on another engine. */
  async #restore(request: RestoreRequest, { running: first, tell, options }: Work): Promise<JobResult> {
    const { id, pixels, file } = this.#opened();
    if (id !== request.photo) throw new EngineError('internal', `photo ${request.photo} is no longer open`);
    const { photo: _, tile, job, resume, prompt, base = [], keep, ...rest } = request;
    const { manifest } = first.pack;
    const own = prompt === undefined ? null : await tokenizePrompt(manifest, prompt, (name) => first.pack.file(name));
    const settings = own === null ? rest : { ...rest, promptIds: own };
    const input = await this.#versions.input(pixels, base);
    const notice = (code: NoticeCode) => tell({ type: 'notice', code, values: {} });
    this.#jobId = job;
    try {
      const kept =
        keep === false
          ? NOT_KEPT
          : await this.#kept.take(
              request,
              base.length > 0 ? await this.#chained(base, file) : file,
              first.pack.manifest,
              () => notice('not-kept'),
            );
      if (resume && resume.step > 0 && !kept.state) notice('started-over');
      for (let running = first; ; ) {
        const { backend } = running;
        const attempt = restorePhoto(engineOf(running), input, {
          ...settings,
          ...options,
          ...(tile ? { tile } : {}),
          ...(kept.state && { resume: kept.state }),
          replay: resume?.replay === true && running === first,
          afterStep: (state) => kept.afterStep(state, backend),
        });
        try {
          const result = await untilLost(running, attempt);
          void kept.end();
          if (barelyChanged(input.rgb, result.rgb)) notice('barely-changed');
          return result;
        } catch (error) {
          const { code } = asEngineError(error);
          if (code === 'cancelled') void kept.end();
          if (code !== 'bad-numbers' || running.runtime.info.kind === 'wasm') throw error;
          this.#running = null;
          const next = await fallBack(this.#store, running);
          this.#running = next;
          notice(steppedDown(running.runtime.info, next.runtime.info));
          tell({ type: 'engine', engine: next.runtime.info, pack: packInfo(this.#store, next) });
          running = next;
        }
      }
    } finally {
      this.#jobId = null;
    }
  }

  /** The running engine; a lost device is replaced by a new one on the way. */
  async #alive(tell: (event: RestoreEvent) => void): Promise<Running> {
    const running = this.#running;
    if (!running) throw new EngineError('no-engine', 'the engine has not started');
    const { gpu, loaded } = running.runtime;
    if (!gpu || gpu.lost === null) return running;
    // The asyncify build's next call would hang this thread. The page puts a new worker in place of this one.
    if (loaded.bundle === 'asyncify') throw lostForGood(gpu.lost);
    this.#running = null;
    this.#running = await bringUpAgain(this.#store, running);
    const { runtime } = this.#running;
    tell({ type: 'engine', engine: runtime.info, pack: packInfo(this.#store, this.#running) });
    return this.#running;
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    if (!running) return;
    await shutDown(running);
  }

  #opened(): OpenPhoto {
    if (!this.#photo) throw new EngineError('internal', 'no photo is open');
    return this.#photo;
  }

  async #picture(which: 'photo' | 'result' | number | readonly Layer[]): Promise<Uint8Array> {
    const { pixels } = this.#opened();
    if (which === 'photo') return pixels.rgb;
    if (typeof which === 'object') return this.#versions.shown(pixels, which);
    const id = which === 'result' ? this.#versions.newest : which;
    if (id === null) throw new EngineError('internal', 'there is no result');
    return this.#versions.restored(id);
  }

  /** The photo as a job on top of other results finds it, for its checkpoint: those results live in this thread only. */
  async #chained(base: readonly Layer[], file: Blob): Promise<File> {
    const saved = await this.save({ format: 'png', quality: 1, layers: base });
    if (!saved.ok) throw new EngineError(saved.code, saved.detail, saved.values);
    const name = file instanceof File ? file.name : '';
    return new File([saved.value.file], name, { type: 'image/png' });
  }

  #forget(): void {
    this.#opens += 1;
    void this.cancel();
    this.#asking?.abort();
    this.#photo = null;
    this.#versions.clear();
    this.#kept.forget();
  }
}
