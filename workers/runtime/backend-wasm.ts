/** `Backend` on ORT's CPU kernels in WebAssembly: where there is no trusted GPU. Always fp32. */
import type { Tensor as OrtTensor } from 'onnxruntime-web';
import { EngineError } from '../errors.ts';
import { isOutOfMemory } from '../out-of-memory.ts';
import type { Pack } from '../packs/pack.ts';
import { bytesPerElement, elementCount } from '../packs/weights.ts';
import type { Backend, DType, MemoryUse, Piece, RunOptions, Tensor, TensorData } from '../pipeline/backend.ts';
import { distanceData, mixData } from '../pipeline/block-cache.ts';
import { joinData, planJoin } from '../pipeline/join.ts';
import { planRun } from './graphs.ts';
import { Mutex } from './mutex.ts';
import type { LoadedOrt } from './ort.ts';
import { type Held, Residency } from './residency.ts';
import { Sessions } from './sessions.ts';
import { ortTensorOf, RuntimeTensor } from './tensor.ts';
import { eachWeight, instanceBytes } from './weights-load.ts';

interface CpuWeights extends Held {
  readonly feeds: Readonly<Record<string, OrtTensor>>;
}

/** Weights in JavaScript memory: a browser tab is happy with this much. */
const DEFAULT_BUDGET = 1024 ** 3;
/** What may stay between jobs. */
const IDLE_BYTES = 256 * 1024 ** 2;

export class WasmBackend implements Backend {
  readonly kind = 'wasm';
  readonly mode = 'f32';
  readonly #loaded: LoadedOrt;
  readonly #pack: Pack;
  readonly #mutex = new Mutex();
  readonly #sessions: Sessions;
  readonly #weights: Residency<CpuWeights>;

  constructor(loaded: LoadedOrt, pack: Pack, budget: number = DEFAULT_BUDGET) {
    this.#loaded = loaded;
    this.#pack = pack;
    this.#weights = new Residency(budget);
    this.#sessions = new Sessions(async (file) =>
      loaded.ort.InferenceSession.create(await pack.file(file), { executionProviders: ['wasm'] }),
    );
  }

  upload(dtype: DType, dims: readonly number[], data: TensorData): RuntimeTensor {
    if (dtype === 'float16') throw new EngineError('internal', 'the wasm backend runs in mode f32');
    // A copy, as on a GPU: the caller may write into `data` again.
    return this.#wrap(dtype, dims, this.#ortTensor(dtype, dims, data.slice()));
  }

  join(axis: number, pieces: readonly Piece[], zerosBefore: number, zerosAfter: number): RuntimeTensor {
    const joined = planJoin(axis, pieces, zerosBefore, zerosAfter);
    const sources = pieces.map(({ tensor }) => ortTensorOf(tensor).data as TensorData);
    return this.#wrap(joined.dtype, joined.dims, this.#ortTensor(joined.dtype, joined.dims, joinData(joined, sources)));
  }

  mix(x: Tensor, y: Tensor, factor: number): Tensor {
    return this.#wrap('float32', x.dims, this.#ortTensor('float32', x.dims, mixData(dataOf(x), dataOf(y), factor)));
  }

  async distance(x: Tensor, y: Tensor): Promise<{ difference: number; size: number }> {
    return distanceData(dataOf(x), dataOf(y));
  }

  async download(tensor: Tensor): Promise<TensorData> {
    return (ortTensorOf(tensor).data as TensorData).slice();
  }

  run(
    instance: string,
    feeds: Readonly<Record<string, Tensor>>,
    options: RunOptions = {},
  ): Promise<Record<string, Tensor>> {
    return this.#mutex.run(async () => {
      const plan = planRun(this.#pack.manifest, instance, this.mode, feeds, options.queryChunks);
      const weights = await this.#weights.use(instance, instanceBytes(this.#pack, instance, this.mode), () =>
        this.#load(instance),
      );
      const inputs: Record<string, OrtTensor> = { ...weights.feeds };
      for (const name of this.#dataInputs(instance)) inputs[name] = ortTensorOf(feeds[name] as Tensor);
      try {
        const session = await this.#sessions.get(plan.file);
        const results = await session.run(inputs);
        return Object.fromEntries(
          plan.outputs.map(({ name, onnx, dtype, dims }) => {
            const result = results[onnx];
            if (!result || result.dims.join() !== dims.join()) {
              throw new EngineError('pack-damaged', `${instance}.${name} is [${result?.dims}], declared [${dims}]`);
            }
            return [name, this.#wrap(dtype, dims, result)];
          }),
        );
      } catch (cause) {
        await this.#sessions.drop(plan.file);
        throw wasmError(cause, instance);
      }
    });
  }

  release(instance: string): void {
    this.#weights.drop(instance);
  }

  memory(): MemoryUse {
    return { gpuBytes: 0, gpuPeakBytes: 0, heapBytes: this.#loaded.heapBytes() + this.#weights.bytes };
  }

  resetPeak(): void {}

  /** Frees what a job used; sessions and a modest amount of weights stay for the next one. */
  async trim(): Promise<void> {
    await this.#mutex.run(() => {
      this.#weights.shrinkTo(IDLE_BYTES);
      this.#pack.trim();
    });
  }

  /** Frees everything. The backend is of no use afterwards. */
  async dispose(): Promise<void> {
    await this.#mutex.run(async () => {
      this.#weights.shrinkTo(0);
      this.#pack.trim();
      await this.#sessions.releaseAll();
    });
  }

  async #load(instance: string): Promise<CpuWeights> {
    const feeds: Record<string, OrtTensor> = {};
    const held: TensorData[] = [];
    let bytes = 0;
    await eachWeight(this.#pack, instance, this.mode, ({ name, dtype, dims, data }) => {
      feeds[name] = this.#ortTensor(dtype, dims, data);
      held.push(data);
      bytes += elementCount(dims) * bytesPerElement(dtype);
    });
    return { feeds, bytes, dispose: () => held.forEach(giveBack) };
  }

  #dataInputs(instance: string): string[] {
    const graph = this.#pack.manifest.graphs[this.#pack.manifest.instances[instance]?.graph ?? ''];
    return (graph?.inputs ?? []).map((port) => port.name);
  }

  #ortTensor(dtype: DType, dims: readonly number[], data: TensorData): OrtTensor {
    return new this.#loaded.ort.Tensor(dtype, data, dims);
  }

  #wrap(dtype: DType, dims: readonly number[], tensor: OrtTensor): RuntimeTensor {
    return new RuntimeTensor(dtype, dims, tensor, () => {
      const data = tensor.data as TensorData;
      tensor.dispose();
      giveBack(data);
    });
  }
}

/**
 * Frees the memory at once: the collector knows little of array buffers, and lets hundreds of megabytes of them wait. Browsers
 * that can't do that yet collect it some time.
 */
function giveBack({ buffer }: TensorData): void {
  if (buffer instanceof ArrayBuffer && 'transfer' in buffer) buffer.transfer(0);
}

export function wasmError(cause: unknown, instance: string): EngineError {
  if (cause instanceof EngineError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new EngineError(isOutOfMemory(cause) ? 'out-of-memory' : 'internal', `${instance}: ${message}`);
}

/** @throws EngineError 'internal' for a tensor that is not of float32 */
function dataOf(tensor: Tensor): Float32Array {
  const { data } = ortTensorOf(tensor);
  if (!(data instanceof Float32Array)) throw new EngineError('internal', `float32 is wanted, not ${tensor.dtype}`);
  return data;
}
