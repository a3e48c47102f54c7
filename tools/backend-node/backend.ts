/** `Backend` in Node: tensors lie in memory, weights come from a pack folder and stay decoded. */
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web';
import { EngineError } from '../../workers/errors.ts';
import type { Mode } from '../../workers/packs/manifest.ts';
import { decodeWeight, fedDType } from '../../workers/packs/weights.ts';
import type { Backend, DType, MemoryUse, RunOptions, Tensor, TensorData } from '../../workers/pipeline/backend.ts';
import type { Engine } from '../../workers/pipeline/job.ts';
import { graphOf, planRun } from '../../workers/runtime/graphs.ts';
import { Mutex } from '../../workers/runtime/mutex.ts';
import { Sessions } from '../../workers/runtime/sessions.ts';
import { ortTensorOf, RuntimeTensor } from '../../workers/runtime/tensor.ts';
import { loadOrt, type OrtModule, type Provider } from './ort.ts';
import { PackFolder } from './pack-folder.ts';

type Feeds = Record<string, OrtTensor>;

export class NodeBackend implements Backend {
  readonly kind: Backend['kind'];
  /** Always f32: fp16 saves memory on GPUs only, and here tensors travel through the CPU anyway. */
  readonly mode: Mode = 'f32';
  readonly #ort: OrtModule;
  readonly #pack: PackFolder;
  readonly #sessions: Sessions;
  readonly #mutex = new Mutex();
  readonly #weights = new Map<string, Promise<Feeds>>();

  constructor(ort: OrtModule, provider: Provider, pack: PackFolder) {
    this.kind = provider;
    this.#ort = ort;
    this.#pack = pack;
    const options: InferenceSession.SessionOptions = { executionProviders: [provider], logSeverityLevel: 3 };
    this.#sessions = new Sessions(async (file) => ort.InferenceSession.create(await pack.file(file), options));
  }

  upload(dtype: DType, dims: readonly number[], data: TensorData): Tensor {
    // A copy, as on a GPU: the caller may write into `data` again.
    return this.#wrap(dtype, dims, new this.#ort.Tensor(dtype, data.slice(), dims));
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
      const inputs: Feeds = { ...(await this.#weightsOf(instance)) };
      for (const [name, tensor] of Object.entries(feeds)) inputs[name] = ortTensorOf(tensor);
      const results = await this.#call(plan.file, inputs, instance);
      const outputs: Record<string, Tensor> = {};
      for (const { name, onnx, dtype, dims } of plan.outputs) {
        const result = results[onnx];
        if (result?.dims.join() !== dims.join()) {
          throw new EngineError('pack-damaged', `${instance}.${name} is [${result?.dims}], declared [${dims}]`);
        }
        outputs[name] = this.#wrap(dtype, dims, result);
      }
      return outputs;
    });
  }

  release(instance: string): void {
    this.#weights.delete(instance);
  }

  memory(): MemoryUse {
    return { gpuBytes: 0, gpuPeakBytes: 0, heapBytes: process.memoryUsage().rss };
  }

  async dispose(): Promise<void> {
    await this.#mutex.run(() => this.#sessions.releaseAll());
    this.#weights.clear();
    this.#pack.forget();
  }

  async #call(file: string, inputs: Feeds, instance: string): Promise<InferenceSession.ReturnType> {
    try {
      return await (await this.#sessions.get(file)).run(inputs);
    } catch (cause) {
      await this.#sessions.drop(file);
      if (cause instanceof EngineError) throw cause;
      const message = cause instanceof Error ? cause.message : String(cause);
      const full = /bad_alloc|out of memory|memory allocation|failed to allocate/i.test(message);
      throw new EngineError(full ? 'out-of-memory' : 'internal', `${instance}: ${message}`);
    }
  }

  #weightsOf(instance: string): Promise<Feeds> {
    const known = this.#weights.get(instance) ?? this.#load(instance);
    this.#weights.set(instance, known);
    return known;
  }

  async #load(instance: string): Promise<Feeds> {
    const { manifest } = this.#pack;
    const feeds: Feeds = {};
    for (const port of graphOf(manifest, instance).graph.weights) {
      const spec = manifest.weights[manifest.instances[instance]?.weights[port.name] ?? ''];
      if (!spec) throw new EngineError('pack-damaged', `${instance} has no weight for ${port.name}`);
      const dtype = fedDType(port, this.mode);
      const bytes = await this.#pack.range(spec.shard, spec.offset, spec.bytes);
      feeds[port.name] = new this.#ort.Tensor(dtype, decodeWeight(bytes, spec, dtype), spec.shape);
    }
    return feeds;
  }

  #wrap(dtype: DType, dims: readonly number[], tensor: OrtTensor): RuntimeTensor {
    return new RuntimeTensor(dtype, dims, tensor, () => tensor.dispose());
  }
}

export interface NodeEngine extends Engine {
  readonly backend: NodeBackend;
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
  };
}
