/**
 * The backend with everything that a job wants at each call: the abort signal, times a stage, the longest call,
 * progress, and a scope that owns what comes out.
 */
import { EngineError } from '../errors.ts';
import type { Manifest, Port } from '../packs/manifest.ts';
import type { Backend, DType, RunOptions, Tensor, TensorData } from './backend.ts';
import type { Gate } from './gate.ts';
import type { JobEvents, Stage, StageTimes } from './job.ts';
import { defaultBandBytes, graphOf } from './plan.ts';
import type { ProgressMeter } from './progress.ts';
import type { TensorScope } from './scope.ts';

/** The event loop gets its turn this often, so that a cancel message is seen where graphs run on this very thread. */
const YIELD_MS = 50;

export interface Place {
  step: number;
  steps: number;
  tile: number;
  tiles: number;
}

export class Calls {
  readonly manifest: Manifest;
  readonly backend: Backend;
  /** Most that one tensor of a call in bands may take. */
  readonly bandBytes: number;
  readonly place: Place = { step: 0, steps: 0, tile: 0, tiles: 0 };
  readonly #meter: ProgressMeter;
  readonly #signal: AbortSignal | undefined;
  readonly #events: JobEvents;
  readonly #gate: Gate | undefined;
  readonly #times: StageTimes = { read: 0, conditioning: 0, encode: 0, denoise: 0, decode: 0, total: 0 };
  #stage: Stage = 'conditioning';
  #since = performance.now();
  #yielded = performance.now();
  #longest = 0;

  constructor(
    backend: Backend,
    manifest: Manifest,
    meter: ProgressMeter,
    signal: AbortSignal | undefined,
    events: JobEvents = {},
    bandBytes: number = defaultBandBytes(backend.kind),
    gate?: Gate,
  ) {
    this.backend = backend;
    this.bandBytes = bandBytes;
    this.manifest = manifest;
    this.#meter = meter;
    this.#signal = signal;
    this.#events = events;
    this.#gate = gate;
  }

  /** Time from here on counts for `stage`. */
  enter(stage: Stage): void {
    const now = performance.now();
    this.#times[this.#stage] += now - this.#since;
    this.#times.total += now - this.#since;
    this.#since = now;
    this.#stage = stage;
  }

  /** Milliseconds by stage up to now. */
  times(): StageTimes {
    this.enter(this.#stage);
    return { ...this.#times };
  }

  get longestCallMs(): number {
    return this.#longest;
  }

  /**
   * Runs a graph instance on the inputs that it declares.
   *
   * @param tensors by name; may hold more than the graph asks for
   * @param scope owns the outputs
   * @param kind key of the call in the progress meter
   * @throws EngineError 'cancelled', 'pack-damaged' when a declared input is missing, or what the backend throws
   */
  async run(
    instance: string,
    tensors: Readonly<Record<string, Tensor>>,
    scope: TensorScope,
    kind: string,
    options?: RunOptions,
  ): Promise<Record<string, Tensor>> {
    const graph = this.manifest.graphs[graphOf(this.manifest, instance)];
    const feeds: Record<string, Tensor> = {};
    for (const port of graph?.inputs ?? []) feeds[port.name] = take(tensors, port, instance);
    await this.#breathe();
    const start = performance.now();
    const outputs = await this.backend.run(instance, feeds, options);
    for (const tensor of Object.values(outputs)) scope.add(tensor);
    this.#measure(start, kind);
    for (const port of graph?.outputs ?? []) take(outputs, port, instance);
    return outputs;
  }

  /** A planned call that is not made. */
  skipped(kind: string): void {
    this.#meter.skipped(kind);
  }

  upload(scope: TensorScope, dtype: DType, dims: readonly number[], data: TensorData): Tensor {
    this.throwIfCancelled();
    return scope.add(this.backend.upload(dtype, dims, data));
  }

  /**
   * Copies a float32 tensor back. On a GPU the calls before it may only now be computed: that wait counts as a kind of
   * call of its own, so that the time left is right.
   */
  async download(tensor: Tensor, kind: string): Promise<Float32Array> {
    this.throwIfCancelled();
    const start = performance.now();
    const data = await this.backend.download(tensor);
    this.#measure(start, kind);
    if (!(data instanceof Float32Array)) throw new EngineError('internal', `downloaded ${tensor.dtype}, not float32`);
    return data;
  }

  throwIfCancelled(): void {
    if (this.#signal?.aborted) throw new EngineError('cancelled');
  }

  #measure(start: number, kind: string): void {
    const milliseconds = performance.now() - start;
    this.#longest = Math.max(this.#longest, milliseconds);
    this.#meter.done(kind, milliseconds);
    const left = this.#meter.millisecondsLeft();
    this.#events.progress?.({
      stage: this.#stage,
      ...this.place,
      fraction: this.#meter.fraction(),
      secondsLeft: left === null ? null : left / 1000,
    });
  }

  async #breathe(): Promise<void> {
    this.throwIfCancelled();
    if (performance.now() - this.#yielded >= YIELD_MS) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.#yielded = performance.now();
    }
    if (this.#gate?.closed) {
      const from = performance.now();
      await this.#gate.pass();
      // Standing still is no part of the job's time.
      this.#since += performance.now() - from;
    }
    this.throwIfCancelled();
  }
}

function take(tensors: Readonly<Record<string, Tensor>>, port: Port, instance: string): Tensor {
  const tensor = tensors[port.name];
  if (!tensor) throw new EngineError('pack-damaged', `${instance} has no tensor for ${port.name}`);
  return tensor;
}
