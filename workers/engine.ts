/** The engine's state behind the worker's door: runtime, pack, photo, last job. Every method answers with an `Outcome`. */
import { transfer } from 'comlink';
import { KeptJobs } from './checkpoint/jobs.ts';
import { CheckpointThread } from './checkpoint/thread.ts';
import { EngineError } from './errors.ts';
import { asEngineError, outcome } from './outcome.ts';
import { browserFileCache } from './packs/file-cache.ts';
import type { Manifest } from './packs/manifest.ts';
import { Store, sha256Hex } from './packs/store.ts';
import { jobEvents, toBitmap } from './paint-events.ts';
import { type DecodedPhoto, decodePhoto } from './photo/decode.ts';
import { encodePhoto } from './photo/encode.ts';
import { type Recipe, readRecipes } from './photo/meta/xmp.ts';
import { fitInto, type Rgb, shrinkToRgba } from './photo/rgba.ts';
import { proposeTask } from './pipeline/auto.ts';
import { Gate } from './pipeline/gate.ts';
import type { Engine, JobEvents, JobResult } from './pipeline/job.ts';
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
import { bringUp, bringUpAgain, fallBack, letGo, openPack, packInfo, type Running, residentShare } from './running.ts';
import { Mutex } from './runtime/mutex.ts';

interface OpenPhoto {
  readonly id: number;
  /** As it was opened, for the checkpoint of a job. */
  readonly file: Blob;
  readonly pixels: DecodedPhoto;
}

/** Decoders lie beside the app's scripts: `../codecs/` from the built worker as from the development server's. */
const codecUrl = (name: string): string => new URL(`../codecs/${name}.wasm.gzip`, self.location.href).href;

function photoInfo(id: number, { width, height, type, layout, source }: DecodedPhoto, tiles: number): PhotoInfo {
  const { bits, channels } = layout;
  const grey = channels < 3;
  const wide = !grey && !source.colour(layout).isSrgb;
  return { id, width, height, type, tiles, bits, grey, wide, lost: source.lost, recipes: readRecipes(source.meta.xmp) };
}

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
  #result: JobResult | null = null;
  /** How the result came about. */
  #recipe: Recipe | null = null;
  #hold: Hold | null = null;
  /** The proposal under way, which waits for nobody. */
  #asking: AbortController | null = null;
  readonly #kept = new KeptJobs(new CheckpointThread());
  /** The job under way, which is not to be offered. */
  #jobId: string | null = null;
  /** What a probe found, for as long as that engine runs. */
  #pace: { readonly of: Running; readonly pace: Pace } | null = null;
  #ids = 0;

  start(
    options: EngineOptions,
    onEvent: (event: StartEvent) => void,
  ): Promise<Outcome<{ engine: EngineInfo; pack: PackInfo }>> {
    return this.#inTurn(async () => {
      await this.#stop();
      onEvent({ stage: 'pack', done: 0, total: 0 });
      const pack = await openPack(this.#store, options.pack);
      const running = await bringUp(this.#store, options, pack, onEvent).catch((error) => {
        pack.close();
        throw error;
      });
      await pack.prepare((done, total) => onEvent({ stage: 'pack', done, total }));
      this.#running = running;
      return { engine: running.runtime.info, pack: packInfo(this.#store, running) };
    });
  }

  open(file: Blob): Promise<Outcome<PhotoInfo>> {
    return outcome(async () => {
      this.#forget();
      const pixels = await decodePhoto(file, { load: (name) => this.#store.fetchStored(codecUrl(name)) });
      this.#ids += 1;
      this.#photo = { id: this.#ids, file, pixels };
      const running = this.#running;
      const tiles = running ? countTiles({ manifest: running.pack.manifest, backend: running.backend }, pixels) : 0;
      return photoInfo(this.#ids, pixels, tiles);
    });
  }

  view(which: 'photo' | 'result', maxSide: number): Promise<Outcome<ImageBitmap>> {
    return outcome(() => {
      const { pixels } = this.#opened();
      const shown = this.#picture(which);
      const { width, height } = fitInto(shown.width, shown.height, maxSide);
      const bitmap = toBitmap(shrinkToRgba(shown, pixels.alpha, width, height), width, height);
      return bitmap;
    }).then((result) => (result.ok ? transfer(result, [result.value]) : result));
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
    return this.#job(onEvent, (work) => this.#restore(request, work));
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

  keepStep(step: number, onEvent: (event: RestoreEvent) => void): Promise<Outcome<RestoreResult>> {
    return this.#job(onEvent, ({ running, options }) => {
      if (!this.#result) throw new EngineError('internal', 'there is no job to take a step of');
      return decodeStep(engineOf(running), this.#opened().pixels, this.#result.kept, step, options);
    });
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

  save({
    format,
    quality,
    privacy = 'keep',
    strength = 1,
    mask = null,
    app = '',
  }: SaveRequest): Promise<Outcome<Saved>> {
    return outcome(async () => {
      const { pixels } = this.#opened();
      const recipes = [...readRecipes(pixels.source.meta.xmp)];
      if (this.#recipe) recipes.push({ ...this.#recipe, strength, masked: mask !== null, app });
      const blend = { strength, mask };
      return encodePhoto(pixels, this.#picture('result').rgb, { format, quality, blend, privacy, recipes });
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
        if (this.#photo === photo) this.#result = result;
        const { gpuPeakBytes, heapBytes } = (this.#running ?? running).backend.memory();
        const { width, height, milliseconds, tiles, steps, longestCallMs } = result;
        this.#ids += 1;
        const memory = { gpuPeakBytes, heapBytes };
        return { id: this.#ids, width, height, milliseconds, tiles, steps, longestCallMs, memory };
      } finally {
        const now = this.#running;
        if (now && (now.runtime.gpu?.lost ?? null) === null) await now.backend.trim();
      }
    });
  }

  /** A job with its checkpoint. After wrong numbers it goes on from its last good step on another engine. */
  async #restore(request: RestoreRequest, { running: first, tell, options }: Work): Promise<JobResult> {
    const { id, pixels, file } = this.#opened();
    if (id !== request.photo) throw new EngineError('internal', `photo ${request.photo} is no longer open`);
    // The page lets go of the old result as well when a job begins: two of them would be 3 more bytes a px.
    this.#result = null;
    const { photo: _, tile, job, resume, prompt, ...rest } = request;
    const { manifest } = first.pack;
    const own = prompt === undefined ? null : await tokenizePrompt(manifest, prompt, (name) => first.pack.file(name));
    const settings = own === null ? rest : { ...rest, promptIds: own };
    const notice = (code: NoticeCode) => tell({ type: 'notice', code, values: {} });
    this.#jobId = job;
    try {
      const kept = await this.#kept.take(request, file, first.pack.manifest, () => notice('not-kept'));
      if (resume && resume.step > 0 && !kept.state) notice('started-over');
      for (let running = first; ; ) {
        const { backend } = running;
        const attempt = restorePhoto(engineOf(running), pixels, {
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
          this.#recipe = await recipeOf(request, running.pack.manifest);
          return result;
        } catch (error) {
          const { code } = asEngineError(error);
          if (code === 'cancelled') void kept.end();
          if (code !== 'bad-numbers' || running.runtime.info.kind === 'wasm') throw error;
          this.#running = null;
          const next = await fallBack(this.#store, running);
          running = next;
          this.#running = next;
          notice(next.runtime.info.kind === 'webgpu' ? 'to-float32' : 'to-wasm');
          tell({ type: 'engine', engine: next.runtime.info, pack: packInfo(this.#store, next) });
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
    await letGo(running);
    running.pack.close();
  }

  #opened(): OpenPhoto {
    if (!this.#photo) throw new EngineError('internal', 'no photo is open');
    return this.#photo;
  }

  #picture(which: 'photo' | 'result'): Rgb {
    if (which === 'photo') return this.#opened().pixels;
    if (!this.#result) throw new EngineError('internal', 'there is no result');
    return this.#result;
  }

  #forget(): void {
    void this.cancel();
    this.#asking?.abort();
    this.#photo = null;
    this.#result = null;
    this.#kept.forget();
  }
}

async function recipeOf({ task, steps, seed }: RestoreRequest, manifest: Manifest): Promise<Recipe> {
  const packHash = await sha256Hex(new TextEncoder().encode(JSON.stringify(manifest)));
  const { name, version } = manifest;
  return { task, steps, seed, strength: 1, masked: false, pack: name, packVersion: version, packHash, app: '' };
}

function engineOf({ backend, pack }: Running): Engine {
  return {
    backend,
    manifest: pack.manifest,
    readShard: (shard, offset, bytes) => pack.range({ shard, offset, bytes }),
  };
}

const lostForGood = (detail: string) => new EngineError('device-lost', detail, { replaceWorker: 1 });

/** With the asyncify build a call may never end once the device is lost: the loss itself ends the job then. */
function untilLost<T>({ runtime }: Running, work: Promise<T>): Promise<T> {
  const { gpu, loaded } = runtime;
  if (!gpu || loaded.bundle !== 'asyncify') return work;
  const lost = gpu.device.lost.then(({ message }): never => {
    throw lostForGood(message);
  });
  return Promise.race([work, lost]).catch((error) => {
    throw gpu.lost === null ? error : lostForGood(gpu.lost);
  });
}
