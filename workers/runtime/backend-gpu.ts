/** `Backend` on ORT's WebGPU kernels. Tensors, weights and outputs are buffers of the app on the app's own device. */
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web';
import { EngineError } from '../errors.ts';
import type { Mode } from '../packs/manifest.ts';
import type { Pack } from '../packs/pack.ts';
import { bytesPerElement, elementCount, makeTensorData } from '../packs/weights.ts';
import type { Backend, DType, JobSize, MemoryUse, Piece, RunOptions, Tensor, TensorData } from '../pipeline/backend.ts';
import { planJoin } from '../pipeline/join.ts';
import { BufferPool, roundUp16 } from './buffers.ts';
import type { Gpu } from './device.ts';
import { gpuError } from './gpu-errors.ts';
import { type Feeds, GpuWeights } from './gpu-weights.ts';
import { graphOf, type Planned, planRun } from './graphs.ts';
import { blockWeights, DEFAULT_CAP, type MemoryPlan, planMemory, planReading } from './memory-plan.ts';
import { Mixer } from './mixer.ts';
import { Mutex } from './mutex.ts';
import type { LoadedOrt } from './ort.ts';
import { gpuSessionOptions } from './session-options.ts';
import { Sessions } from './sessions.ts';
import { copyRateOn, memoryThere } from './spill.ts';
import { ortTensorOf, RuntimeTensor } from './tensor.ts';
import { planWeights } from './weight-plan.ts';

export interface GpuBackendOptions {
  readonly mode: Mode;
  /** Bytes of GPU memory that a job may take; `DEFAULT_CAP` where absent. */
  readonly cap?: number;
  /** Forbid ORT to run any node on the CPU (tests). */
  readonly strict?: boolean;
}

/** Weights that may stay between jobs; more would keep a laptop's shared memory from everything else. */
const IDLE_BYTES = 256 * 1024 ** 2;

export class GpuBackend implements Backend {
  readonly kind = 'webgpu';
  readonly mode: Mode;
  readonly #loaded: LoadedOrt;
  readonly #gpu: Gpu;
  readonly #pack: Pack;
  readonly #pool: BufferPool;
  readonly #mutex = new Mutex();
  readonly #sessions: Sessions;
  readonly #weights: GpuWeights;
  readonly #mixer: Mixer;
  readonly macsPerSecond?: number;
  #cap: number;
  /** End when the GPU has done the last run that was handed to it, and the one before that. */
  #last: Promise<unknown> = Promise.resolve();
  #beforeLast: Promise<unknown> = Promise.resolve();

  constructor(loaded: LoadedOrt, gpu: Gpu, pack: Pack, options: GpuBackendOptions) {
    this.#loaded = loaded;
    this.#gpu = gpu;
    this.#pack = pack;
    this.mode = options.mode;
    if (gpu.macsPerSecond !== null) this.macsPerSecond = gpu.macsPerSecond;
    this.#pool = new BufferPool(gpu.device);
    this.#mixer = new Mixer(gpu.device);
    const wrap = (buffer: GPUBuffer, dtype: DType, dims: readonly number[]) => this.#fromBuffer(buffer, dtype, dims);
    this.#cap = options.cap ?? DEFAULT_CAP;
    const plan = planWeights(blockWeights(pack.manifest, options.mode), this.#cap);
    this.#weights = new GpuWeights(gpu.device, pack, options.mode, wrap, plan);
    const sessionOptions = gpuSessionOptions(gpu.device, options.strict ?? false);
    this.#sessions = new Sessions(
      async (file): Promise<InferenceSession> =>
        loaded.ort.InferenceSession.create(await pack.file(file), sessionOptions),
    );
  }

  upload(dtype: DType, dims: readonly number[], data: TensorData): RuntimeTensor {
    const tensor = this.#allocate(dtype, dims);
    this.#gpu.device.queue.writeBuffer(tensor.ort.gpuBuffer, 0, ...wholeWords(data));
    return tensor;
  }

  join(axis: number, pieces: readonly Piece[], zerosBefore: number, zerosAfter: number): RuntimeTensor {
    const { dtype, dims, copies, zeros } = planJoin(axis, pieces, zerosBefore, zerosAfter);
    const sources = pieces.map(({ tensor }) => ortTensorOf(tensor).gpuBuffer);
    const joined = this.#allocate(dtype, dims);
    const target = joined.ort.gpuBuffer;
    const size = bytesPerElement(dtype);
    const encoder = this.#gpu.device.createCommandEncoder();
    // Buffers are used again: what should be zero is not.
    for (const [start, length] of zeros) encoder.clearBuffer(target, start * size, length * size);
    for (const { piece, from, to, length } of copies) {
      encoder.copyBufferToBuffer(sources[piece] as GPUBuffer, from * size, target, to * size, length * size);
    }
    this.#gpu.device.queue.submit([encoder.finish()]);
    return joined;
  }

  download(tensor: Tensor): Promise<TensorData> {
    return this.#mutex.run(async () => {
      this.#checkAlive();
      const { device } = this.#gpu;
      const bytes = elementCount(tensor.dims) * bytesPerElement(tensor.dtype);
      const staging = device.createBuffer({
        size: roundUp16(bytes),
        usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
      });
      try {
        const encoder = device.createCommandEncoder();
        encoder.copyBufferToBuffer(ortTensorOf(tensor).gpuBuffer, 0, staging, 0, roundUp16(bytes));
        device.queue.submit([encoder.finish()]);
        await staging.mapAsync(GPUMapMode.READ);
        const copy = staging.getMappedRange().slice(0, bytes);
        this.#checkErrors('download');
        return makeTensorData(tensor.dtype, elementCount(tensor.dims), copy);
      } catch (cause) {
        await this.#settle();
        throw gpuError(cause, this.#gpu, 'download');
      } finally {
        staging.destroy();
      }
    });
  }

  run(
    instance: string,
    feeds: Readonly<Record<string, Tensor>>,
    options: RunOptions = {},
  ): Promise<Record<string, Tensor>> {
    return this.#mutex.run(async () => {
      this.#checkAlive();
      const { graph } = graphOf(this.#pack.manifest, instance);
      const plan = planRun(this.#pack.manifest, instance, this.mode, feeds, options.queryChunks);
      const inputs: Record<string, OrtTensor> = { ...(await this.#weightsOf(instance)) };
      for (const port of graph.inputs) inputs[port.name] = ortTensorOf(feeds[port.name] as Tensor);
      // At most one run ahead of the GPU: cancelling stays quick, and memory of queued work stays bounded.
      await this.#beforeLast;
      this.#checkAlive();
      const outputs = this.#makeOutputs(plan);
      try {
        const session = await this.#sessions.get(plan.file);
        const fetches = plan.outputs.map(({ name, onnx }) => [onnx, ortTensorOf(outputs[name] as Tensor)]);
        await session.run(inputs, Object.fromEntries(fetches));
        this.#beforeLast = this.#last;
        this.#last = this.#gpu.device.queue.onSubmittedWorkDone().catch(() => undefined);
        this.#checkErrors(instance);
        return outputs;
      } catch (cause) {
        for (const tensor of Object.values(outputs)) tensor.dispose();
        await this.#afterFailure(plan.file);
        throw gpuError(cause, this.#gpu, instance);
      }
    });
  }

  mix(x: Tensor, y: Tensor, factor: number): RuntimeTensor {
    const out = this.#allocate('float32', x.dims);
    const [a, b] = [ortTensorOf(x).gpuBuffer, ortTensorOf(y).gpuBuffer];
    this.#mixer.mix(a, b, out.ort.gpuBuffer, elementCount(x.dims), factor);
    return out;
  }

  distance(x: Tensor, y: Tensor): Promise<{ difference: number; size: number }> {
    return this.#mutex.run(async () => {
      this.#checkAlive();
      try {
        return await this.#mixer.distance(ortTensorOf(x).gpuBuffer, ortTensorOf(y).gpuBuffer, elementCount(x.dims));
      } catch (cause) {
        await this.#settle();
        throw gpuError(cause, this.#gpu, 'distance');
      }
    });
  }

  release(instance: string): void {
    this.#weights.release(instance);
  }

  /** How a job of this size shares the memory: blocks of the transformer, how many of them are streamed, all bytes. */
  memoryOf(size: JobSize): { blocks: number; streamed: number; bytes: number } {
    const { weights, totalBytes } = planMemory(this.#pack.manifest, this.mode, size, this.#cap);
    const streamed = weights.streamed.size;
    const reading = planReading(this.#pack.manifest, this.mode)?.totalBytes ?? 0;
    return { blocks: weights.resident.size + streamed, streamed, bytes: Math.max(totalBytes, reading) };
  }

  /** @param cap for tests: another cap than the backend's own, also in the middle of a job */
  prepare(size: JobSize, cap: number = this.#cap): Promise<number> {
    return this.#mutex.run(async () => {
      if (size.reads) {
        const reading = planReading(this.#pack.manifest, this.mode);
        if (reading) await this.#weights.setPlan(reading.weights);
        return 1;
      }
      // What reading the photo left behind goes before room is made for the transformer.
      this.#pool.drain();
      const planned = planMemory(this.#pack.manifest, this.mode, size, cap);
      const plan = await this.#withoutSpilling(planned, size, cap);
      await this.#weights.setPlan(plan.weights);
      return plan.tilesPerUpload;
    });
  }

  /** The plan, or one with fewer resident blocks where graphics memory for more of them is not really there. */
  async #withoutSpilling(planned: MemoryPlan, size: JobSize, cap: number): Promise<MemoryPlan> {
    const { weights } = planned;
    const more = weights.residentBytes - this.#weights.residentBytes;
    if (more <= 0 || this.#gpu.lost !== null) return planned;
    const there = await memoryThere(more, copyRateOn(this.#gpu.device));
    if (there >= more) return planned;
    const less = cap - (more - there);
    // What people are told of the next job's memory is then true.
    this.#cap = Math.min(this.#cap, less);
    return planMemory(this.#pack.manifest, this.mode, size, less);
  }

  prefetch(instance: string): void {
    if (this.#gpu.lost === null) this.#weights.prefetch(instance);
  }

  memory(): MemoryUse {
    return {
      gpuBytes: this.#gpu.liveBytes,
      gpuPeakBytes: this.#gpu.peakBytes,
      heapBytes: this.#loaded.heapBytes(),
    };
  }

  resetPeak(): void {
    this.#gpu.resetPeak();
  }

  /** Frees what a job used; sessions and a modest amount of weights stay for the next one. */
  async trim(): Promise<void> {
    await this.#mutex.run(async () => {
      this.#pool.drain();
      await this.#weights.shrinkTo(IDLE_BYTES);
      this.#pack.trim();
    });
  }

  /** Frees everything. The backend is of no use afterwards. */
  async dispose(): Promise<void> {
    await this.#mutex.run(async () => {
      this.#pool.drain();
      await this.#weights.shrinkTo(0);
      this.#pack.trim();
      if (!this.#mayCallOrt()) return this.#sessions.abandon();
      await this.#sessions.releaseAll();
      await this.#gpu.anchor?.release().catch(() => undefined);
      this.#gpu.anchor = null;
    });
  }

  #makeOutputs(plan: Planned): Record<string, RuntimeTensor> {
    const outputs: Record<string, RuntimeTensor> = {};
    try {
      for (const { name, dtype, dims } of plan.outputs) outputs[name] = this.#allocate(dtype, dims);
      return outputs;
    } catch (cause) {
      for (const tensor of Object.values(outputs)) tensor.dispose();
      throw cause;
    }
  }

  #allocate(dtype: DType, dims: readonly number[]): RuntimeTensor {
    const buffer = this.#pool.acquire(elementCount(dims) * bytesPerElement(dtype));
    return new RuntimeTensor(dtype, dims, this.#fromBuffer(buffer, dtype, dims), () => this.#pool.release(buffer));
  }

  #fromBuffer(buffer: GPUBuffer, dtype: DType, dims: readonly number[]): OrtTensor {
    return this.#loaded.ort.Tensor.fromGpuBuffer(buffer, { dataType: dtype, dims });
  }

  async #weightsOf(instance: string): Promise<Feeds> {
    try {
      return await this.#weights.use(instance);
    } catch (cause) {
      // A lost device shows first where a staging buffer can no longer be mapped.
      await this.#settle();
      throw gpuError(cause, this.#gpu, instance);
    }
  }

  async #afterFailure(file: string): Promise<void> {
    await this.#settle();
    if (this.#mayCallOrt()) await this.#sessions.drop(file);
    else this.#sessions.abandon();
    await this.#weights.shrinkTo(0);
    this.#pool.forsake();
  }

  /** Gives the device's own news (lost, out of memory) the time to arrive: they tell what a failure was. */
  async #settle(): Promise<void> {
    await Promise.race([this.#gpu.device.lost, new Promise((resolve) => setTimeout(resolve, 50))]);
  }

  /** After a lost device the asyncify build hangs the worker in its next call; the JSPI build goes on. */
  #mayCallOrt(): boolean {
    return this.#gpu.lost === null || this.#loaded.bundle === 'jspi';
  }

  #checkAlive(): void {
    if (this.#gpu.lost !== null) throw gpuError(this.#gpu.lost, this.#gpu, 'device');
  }

  /** An error that no scope caught means that what was just computed can't be trusted. */
  #checkErrors(what: string): void {
    const { outOfMemory, messages } = this.#gpu.takeErrors();
    if (messages.length === 0) return;
    throw new EngineError(outOfMemory ? 'out-of-memory' : 'internal', `${what}: ${messages.join('; ')}`);
  }
}

/** Arguments for writeBuffer, which copies multiples of 4 bytes only. */
function wholeWords(data: TensorData): [GPUAllowSharedBufferSource] {
  if (data.byteLength % 4 === 0) return [data as GPUAllowSharedBufferSource];
  const padded = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
  padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return [padded];
}
