/** `Backend` in Node: tensors lie in memory, weights come from a pack folder and stay decoded within a budget. */
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web';
import { EngineError } from '../../workers/errors.ts';
import type { Mode } from '../../workers/packs/manifest.ts';
import { decodeWeight, fedBytes, fedDType } from '../../workers/packs/weights.ts';
import type {
  Backend,
  DType,
  MemoryUse,
  Piece,
  RunOptions,
  Tensor,
  TensorData,
} from '../../workers/pipeline/backend.ts';
import { distanceData, mixData } from '../../workers/pipeline/block-cache.ts';
import type { Engine } from '../../workers/pipeline/job.ts';
import { joinData, planJoin } from '../../workers/pipeline/join.ts';
import { wasmError } from '../../workers/runtime/backend-wasm.ts';
import { graphOf, type Planned, planRun } from '../../workers/runtime/graphs.ts';
import { Mutex } from '../../workers/runtime/mutex.ts';
import { type Held, Residency } from '../../workers/runtime/residency.ts';
import { Sessions } from '../../workers/runtime/sessions.ts';
import { ortTensorOf, RuntimeTensor } from '../../workers/runtime/tensor.ts';
import { exposeAll, makersOf } from '../onnx/expose.ts';
import { loadOrt, type OrtModule, type Provider } from './ort.ts';
import { PackFolder } from './pack-folder.ts';

type Feeds = Record<string, OrtTensor>;

interface NodeWeights extends Held {
  readonly feeds: Feeds;
}

/** Decoded weights that are held; a command line has more room than a browser tab. */
const DEFAULT_BUDGET = 4e9;

export interface NodeBackendOptions {
  /** f32 where absent: fp16 saves memory on GPUs only, and here tensors travel through the CPU anyway. */
  readonly mode?: Mode;
  /** Bytes of decoded weights that are held. */
  readonly budget?: number;
  /**
   * Threads of onnxruntime-node, as many as it likes where absent. Given, they sleep while they wait: on a busy machine
   * spinning threads would take time from those that have work.
   */
  readonly threads?: number;
  /** Told of every value that the nodes of a graph make, for measurements. They all lie in memory at once then. */
  readonly inside?: (value: InsideValue) => void;
}

export interface InsideValue {
  readonly instance: string;
  /** Inside its graph. */
  readonly name: string;
  /** Its operator and what that reads of the graph's inputs. */
  readonly maker: string;
  readonly tensor: OrtTensor;
}

export class NodeBackend implements Backend {
  readonly kind: Backend['kind'];
  readonly mode: Mode;
  readonly #ort: OrtModule;
  readonly #pack: PackFolder;
  readonly #sessions: Sessions;
  readonly #mutex = new Mutex();
  readonly #weights: Residency<NodeWeights>;
  readonly #inside: NodeBackendOptions['inside'];
  /** By graph file; only where somebody looks inside. */
  readonly #makers = new Map<string, ReadonlyMap<string, string>>();

  constructor(ort: OrtModule, provider: Provider, pack: PackFolder, options: NodeBackendOptions = {}) {
    this.kind = provider;
    this.mode = options.mode ?? 'f32';
    this.#weights = new Residency(options.budget ?? DEFAULT_BUDGET);
    this.#ort = ort;
    this.#pack = pack;
    const sessionOptions: InferenceSession.SessionOptions = {
      executionProviders: [provider],
      logSeverityLevel: 3,
      ...(provider === 'cpu' &&
        options.threads !== undefined && {
          intraOpNumThreads: options.threads,
          extra: { session: { intra_op: { allow_spinning: '0' } } },
        }),
    };
    this.#inside = options.inside;
    this.#sessions = new Sessions(async (file) => {
      const graph = await pack.file(file);
      if (!this.#inside) return ort.InferenceSession.create(graph, sessionOptions);
      this.#makers.set(file, makersOf(graph));
      return ort.InferenceSession.create(exposeAll(graph), sessionOptions);
    });
  }

  upload(dtype: DType, dims: readonly number[], data: TensorData): Tensor {
    // A copy, as on a GPU: the caller may write into `data` again.
    return this.#wrap(dtype, dims, new this.#ort.Tensor(dtype, data.slice(), dims));
  }

  join(axis: number, pieces: readonly Piece[], zerosBefore: number, zerosAfter: number): Tensor {
    const joined = planJoin(axis, pieces, zerosBefore, zerosAfter);
    const sources = pieces.map(({ tensor }) => ortTensorOf(tensor).data as TensorData);
    const { dtype, dims } = joined;
    return this.#wrap(dtype, dims, new this.#ort.Tensor(dtype, joinData(joined, sources), dims));
  }

  mix(x: Tensor, y: Tensor, factor: number): Tensor {
    return this.#wrap(
      'float32',
      x.dims,
      new this.#ort.Tensor('float32', mixData(dataOf(x), dataOf(y), factor), x.dims),
    );
  }

  async distance(x: Tensor, y: Tensor): Promise<{ difference: number; size: number }> {
    return distanceData(dataOf(x), dataOf(y));
  }

  async download(tensor: Tensor): Promise<TensorData> {
    const { data } = ortTensorOf(tensor);
    if (!(data instanceof Float32Array)) throw new EngineError('internal', `can't download ${tensor.dtype}`);
    return data.slice();
  }

  run(
    instance: string,
    feeds: Readonly<Record<string, Tensor>>,
    options: RunOptions = {},
  ): Promise<Record<string, Tensor>> {
    return this.#mutex.run(async () => {
      const plan = planRun(this.#pack.manifest, instance, this.mode, feeds, options.queryChunks);
      const { feeds: weights } = await this.#weights.use(instance, this.#bytesOf(instance), () => this.#load(instance));
      const inputs: Feeds = { ...weights };
      // What a graph does not declare is not fed: ORT refuses names that it does not know.
      for (const { name } of graphOf(this.#pack.manifest, instance).graph.inputs) {
        inputs[name] = ortTensorOf(feeds[name] as Tensor);
      }
      const results = await this.#call(plan.file, inputs, instance);
      const outputs: Record<string, Tensor> = {};
      for (const { name, onnx, dtype, dims } of plan.outputs) {
        const result = results[onnx];
        if (result?.dims.join() !== dims.join()) {
          throw new EngineError('pack-damaged', `${instance}.${name} is [${result?.dims}], declared [${dims}]`);
        }
        outputs[name] = this.#wrap(dtype, dims, result);
      }
      this.#lookInside(instance, plan, results);
      return outputs;
    });
  }

  release(instance: string): void {
    this.#weights.drop(instance);
  }

  memory(): MemoryUse {
    return { gpuBytes: 0, gpuPeakBytes: 0, heapBytes: process.memoryUsage().rss };
  }

  async dispose(): Promise<void> {
    await this.#mutex.run(() => this.#sessions.releaseAll());
    this.#weights.shrinkTo(0);
    this.#pack.forget();
  }

  async #call(file: string, inputs: Feeds, instance: string): Promise<InferenceSession.ReturnType> {
    try {
      return await (await this.#sessions.get(file)).run(inputs);
    } catch (cause) {
      await this.#sessions.drop(file);
      throw wasmError(cause, instance);
    }
  }

  #lookInside(instance: string, { file, outputs }: Planned, results: InferenceSession.ReturnType): void {
    if (!this.#inside) return;
    const ports = new Set(outputs.map(({ onnx }) => onnx));
    for (const [name, tensor] of Object.entries(results)) {
      if (ports.has(name)) continue;
      this.#inside({ instance, name, maker: this.#makers.get(file)?.get(name) ?? '', tensor });
      tensor.dispose();
    }
  }

  #specs(instance: string) {
    const { manifest } = this.#pack;
    return graphOf(manifest, instance).graph.weights.map((port) => {
      const spec = manifest.weights[manifest.instances[instance]?.weights[port.name] ?? ''];
      if (!spec) throw new EngineError('pack-damaged', `${instance} has no weight for ${port.name}`);
      return { name: port.name, spec, dtype: fedDType(port, this.mode) };
    });
  }

  #bytesOf(instance: string): number {
    return this.#specs(instance).reduce((sum, { spec, dtype }) => sum + fedBytes(spec, dtype), 0);
  }

  async #load(instance: string): Promise<NodeWeights> {
    const feeds: Feeds = {};
    for (const { name, spec, dtype } of this.#specs(instance)) {
      const bytes = await this.#pack.range(spec.shard, spec.offset, spec.bytes);
      feeds[name] = new this.#ort.Tensor(dtype, decodeWeight(bytes, spec, dtype), spec.shape);
    }
    return { feeds, bytes: this.#bytesOf(instance), dispose: () => undefined };
  }

  #wrap(dtype: DType, dims: readonly number[], tensor: OrtTensor): RuntimeTensor {
    return new RuntimeTensor(dtype, dims, tensor, () => tensor.dispose());
  }
}

export interface NodeEngine extends Engine {
  readonly backend: NodeBackend;
  /** A file of the pack, checked. */
  file(name: string): Promise<Uint8Array>;
}

/**
 * @param folder of the pack
 * @param threads of the wasm kernels
 * @throws EngineError 'no-engine', 'pack-missing', 'pack-damaged'
 */
export async function openEngine(folder: string, provider: Provider, threads: number): Promise<NodeEngine> {
  const pack = await PackFolder.open(folder);
  const backend = new NodeBackend(await loadOrt(provider, threads), provider, pack);
  return {
    backend,
    manifest: pack.manifest,
    readShard: (shard, offset, bytes) => pack.range(shard, offset, bytes),
    file: (name) => pack.file(name),
  };
}

/** @throws EngineError 'internal' for a tensor that is not of float32 */
function dataOf(tensor: Tensor): Float32Array {
  const { data } = ortTensorOf(tensor);
  if (!(data instanceof Float32Array)) throw new EngineError('internal', `float32 is wanted, not ${tensor.dtype}`);
  return data;
}
