/** The engine's state behind the worker's door: runtime, pack, photo, last job. Every method answers with an `Outcome`. */
import { transfer } from 'comlink';
import { EngineError } from './errors.ts';
import { outcome } from './outcome.ts';
import { browserFileCache } from './packs/file-cache.ts';
import { readLock } from './packs/locks.ts';
import { PARTS } from './packs/manifest.ts';
import { openOpfs } from './packs/opfs.ts';
import { Pack } from './packs/pack.ts';
import { PackStore } from './packs/pack-store.ts';
import type { PackSource } from './packs/protocol.ts';
import { Store } from './packs/store.ts';
import { StoredFiles } from './packs/stored-files.ts';
import { jobEvents, toBitmap } from './paint-events.ts';
import { type DecodedPhoto, decodePhoto } from './photo/decode.ts';
import { encodePhoto } from './photo/encode.ts';
import { fitInto, type Rgb, shrinkToRgba } from './photo/rgba.ts';
import type { Engine, JobEvents, JobResult } from './pipeline/job.ts';
import { packTile } from './pipeline/plan.ts';
import { countTiles, decodeStep, restorePhoto } from './pipeline/restore.ts';
import type {
  EngineApi,
  EngineInfo,
  EngineOptions,
  ExportFormat,
  Outcome,
  PackInfo,
  PhotoInfo,
  RestoreEvent,
  RestoreRequest,
  RestoreResult,
  StartEvent,
} from './protocol.ts';
import { GpuBackend } from './runtime/backend-gpu.ts';
import { WasmBackend } from './runtime/backend-wasm.ts';
import { chooseRuntime, type Runtime } from './runtime/choose.ts';
import { hasMode } from './runtime/graphs.ts';
import { Mutex } from './runtime/mutex.ts';

interface Running {
  readonly options: EngineOptions;
  readonly pack: Pack;
  readonly runtime: Runtime;
  readonly backend: GpuBackend | WasmBackend;
}

interface OpenPhoto {
  readonly id: number;
  readonly pixels: DecodedPhoto;
}

export class RestoreEngine implements EngineApi {
  readonly #store = new Store({ cache: browserFileCache() });
  /** Starts and jobs come one after the other. */
  readonly #turn = new Mutex();
  #running: Running | null = null;
  #photo: OpenPhoto | null = null;
  #result: JobResult | null = null;
  #abort: AbortController | null = null;
  #ids = 0;

  start(
    options: EngineOptions,
    onEvent: (event: StartEvent) => void,
  ): Promise<Outcome<{ engine: EngineInfo; pack: PackInfo }>> {
    return this.#inTurn(async () => {
      await this.#stop();
      onEvent({ stage: 'pack', done: 0, total: 0 });
      const pack = await this.#openPack(options.pack);
      const running = await this.#run(options, pack, onEvent).catch((error) => {
        pack.close();
        throw error;
      });
      await pack.prepare((done, total) => onEvent({ stage: 'pack', done, total }));
      this.#running = running;
      return { engine: running.runtime.info, pack: this.#packInfo(running) };
    });
  }

  open(file: Blob): Promise<Outcome<PhotoInfo>> {
    return outcome(async () => {
      this.#forget();
      const pixels = await decodePhoto(file);
      this.#ids += 1;
      this.#photo = { id: this.#ids, pixels };
      const { width, height, type } = pixels;
      const running = this.#running;
      const tiles = running ? countTiles({ manifest: running.pack.manifest, backend: running.backend }, pixels) : 0;
      return { id: this.#photo.id, width, height, type, tiles };
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

  restore(request: RestoreRequest, onEvent: (event: RestoreEvent) => void): Promise<Outcome<RestoreResult>> {
    return this.#job(onEvent, (engine, events, signal) => {
      const { id, pixels } = this.#opened();
      if (id !== request.photo) throw new EngineError('internal', `photo ${request.photo} is no longer open`);
      // The page lets go of the old result as well when a job begins: two of them would be 3 more bytes a px.
      this.#result = null;
      const { photo: _, tile, ...settings } = request;
      return restorePhoto(engine, pixels, { ...settings, ...(tile ? { tile } : {}), signal, events });
    });
  }

  keepStep(step: number, onEvent: (event: RestoreEvent) => void): Promise<Outcome<RestoreResult>> {
    return this.#job(onEvent, (engine, events, signal) => {
      if (!this.#result) throw new EngineError('internal', 'there is no job to take a step of');
      return decodeStep(engine, this.#opened().pixels, this.#result.kept, step, { signal, events });
    });
  }

  async cancel(): Promise<void> {
    this.#abort?.abort();
  }

  save(format: ExportFormat, quality: number): Promise<Outcome<Blob>> {
    return outcome(() => encodePhoto(this.#picture('result'), this.#opened().pixels.alpha, format, quality));
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
    work: (engine: Engine, events: JobEvents, signal: AbortSignal) => Promise<JobResult>,
  ): Promise<Outcome<RestoreResult>> {
    const abort = new AbortController();
    this.#abort = abort;
    return this.#inTurn(async () => {
      if (abort.signal.aborted) throw new EngineError('cancelled');
      const running = await this.#alive();
      const { backend, pack } = running;
      const engine: Engine = {
        backend,
        manifest: pack.manifest,
        readShard: (shard, offset, bytes) => pack.range({ shard, offset, bytes }),
      };
      backend.resetPeak();
      const photo = this.#opened();
      let heard: unknown;
      const tell = (event: RestoreEvent) => {
        heard = onEvent(event);
      };
      try {
        const result = await work(engine, jobEvents(tell), abort.signal);
        // Events and the answer travel on different ports: the answer must not overtake the last step.
        await Promise.resolve(heard).catch(() => undefined);
        if (this.#photo === photo) this.#result = result;
        const { gpuPeakBytes, heapBytes } = backend.memory();
        const { width, height, milliseconds, tiles, steps, longestCallMs } = result;
        this.#ids += 1;
        const memory = { gpuPeakBytes, heapBytes };
        return { id: this.#ids, width, height, milliseconds, tiles, steps, longestCallMs, memory };
      } finally {
        if (running.runtime.gpu?.lost == null) await backend.trim();
      }
    });
  }

  /** The running engine; a lost device is replaced by a new one on the way. */
  async #alive(): Promise<Running> {
    const running = this.#running;
    if (!running) throw new EngineError('no-engine', 'the engine has not started');
    const { gpu, loaded } = running.runtime;
    if (!gpu || gpu.lost === null) return running;
    if (loaded.bundle === 'asyncify') {
      // Its next call would hang this thread. The page puts a new worker in place of this one.
      throw new EngineError('device-lost', gpu.lost, { replaceWorker: 1 });
    }
    await running.backend.dispose();
    this.#running = null;
    this.#running = await this.#run(running.options, running.pack, () => undefined);
    return this.#running;
  }

  async #openPack(source: PackSource): Promise<Pack> {
    if (source.kind === 'url') return Pack.open(this.#store, source.url);
    const disk = await openOpfs();
    if (!disk) throw new EngineError('no-storage', 'no private file system');
    const release = await readLock(source.name);
    if (!release) throw new EngineError('pack-busy', `pack ${source.name} is being changed`);
    try {
      const files = await StoredFiles.open(new PackStore(disk), source);
      return new Pack(files, PARTS, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  async #run(options: EngineOptions, pack: Pack, onEvent: (event: StartEvent) => void): Promise<Running> {
    const modes = (['f32', 'f16'] as const).filter((mode) => hasMode(pack.manifest, mode));
    const runtime = await chooseRuntime({ ...options, modes }, this.#store, onEvent);
    const { gpu, loaded, info } = runtime;
    const strict = options.strict ?? false;
    const backend = gpu
      ? new GpuBackend(loaded, gpu, pack, { mode: info.mode, strict })
      : new WasmBackend(loaded, pack);
    return { options, pack, runtime, backend };
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    if (!running) return;
    await running.backend.dispose();
    running.pack.close();
    if (running.runtime.loaded.bundle === 'jspi') running.runtime.gpu?.device.destroy();
  }

  #packInfo({ pack, backend }: Running): PackInfo {
    const { name, version, title, licence, tasks, steps } = pack.manifest;
    return {
      name,
      version,
      title,
      licence,
      bytes: pack.bytes,
      tasks,
      steps,
      tile: packTile(pack.manifest, backend.kind),
      stored: this.#store.full === null,
    };
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
    this.#abort?.abort();
    this.#photo = null;
    this.#result = null;
  }
}
