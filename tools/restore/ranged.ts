/** A job's engine that writes down how large the values of its graphs get. */
import type { Manifest } from '../../workers/packs/manifest.ts';
import { fedDType } from '../../workers/packs/weights.ts';
import type { Backend, DType, Piece, RunOptions, Tensor, TensorData } from '../../workers/pipeline/backend.ts';
import { graphOf } from '../../workers/runtime/graphs.ts';
import { ortTensorOf } from '../../workers/runtime/tensor.ts';
import { NodeBackend, type NodeBackendOptions } from '../backend-node/backend.ts';
import { loadOrt, type Provider } from '../backend-node/ort.ts';
import { PackFolder } from '../backend-node/pack-folder.ts';
import { RangeBook } from './ranges.ts';

/** A backend that writes into a book what goes into and comes out of every call. */
export class RangedBackend implements Backend {
  readonly kind: Backend['kind'];
  readonly mode: Backend['mode'];
  readonly #inner: NodeBackend;
  readonly #shadows: readonly NodeBackend[];
  readonly #manifest: Manifest;
  readonly #book: RangeBook;

  /**
   * @param shadows run every graph once more, on the same inputs. What they give is not used: a graph whose inner values are
   *   asked for is optimised less, and gives other last bits
   */
  constructor(inner: NodeBackend, shadows: readonly NodeBackend[], manifest: Manifest, book: RangeBook) {
    this.kind = inner.kind;
    this.mode = inner.mode;
    this.#inner = inner;
    this.#shadows = shadows;
    this.#manifest = manifest;
    this.#book = book;
  }

  async run(instance: string, feeds: Readonly<Record<string, Tensor>>, options: RunOptions = {}) {
    const { inputs, outputs } = graphOf(this.#manifest, instance).graph;
    const see = (where: 'input' | 'output', tensors: Readonly<Record<string, Tensor>>) => {
      for (const port of where === 'input' ? inputs : outputs) {
        const tensor = tensors[port.name];
        const about = { instance, where, name: port.name, held: fedDType(port, 'f16') };
        if (tensor) this.#book.see(about, ortTensorOf(tensor));
      }
    };
    see('input', feeds);
    const made = await this.#inner.run(instance, feeds, options);
    see('output', made);
    for (const shadow of this.#shadows) {
      for (const tensor of Object.values(await shadow.run(instance, feeds, options))) tensor.dispose();
    }
    return made;
  }

  upload(dtype: DType, dims: readonly number[], data: TensorData): Tensor {
    return this.#inner.upload(dtype, dims, data);
  }
  join(axis: number, pieces: readonly Piece[], zerosBefore: number, zerosAfter: number): Tensor {
    return this.#inner.join(axis, pieces, zerosBefore, zerosAfter);
  }
  mix(x: Tensor, y: Tensor, factor: number): Tensor {
    return this.#inner.mix(x, y, factor);
  }
  distance(x: Tensor, y: Tensor) {
    return this.#inner.distance(x, y);
  }
  download(tensor: Tensor): Promise<TensorData> {
    return this.#inner.download(tensor);
  }
  release(instance: string): void {
    this.#inner.release(instance);
    for (const shadow of this.#shadows) shadow.release(instance);
  }
  memory() {
    return this.#inner.memory();
  }
  async dispose(): Promise<void> {
    await this.#inner.dispose();
    for (const shadow of this.#shadows) await shadow.dispose();
  }
}

/** Bytes of decoded weights that each backend holds. */
const BUDGET = 2e9;

/**
 * @param folder of the pack
 * @param inside also what the nodes of the graphs make, in float32 and in float16
 * @throws EngineError as `openEngine`
 */
export async function openRanged(folder: string, provider: Provider, threads: number, inside: boolean) {
  const pack = await PackFolder.open(folder);
  const ort = await loadOrt(provider, threads);
  const book = new RangeBook();
  const { manifest } = pack;
  const open = (options: NodeBackendOptions) => new NodeBackend(ort, provider, pack, { budget: BUDGET, ...options });
  const shadows = inside
    ? [open({ inside: book.inside('inside') }), open({ mode: 'f16', inside: book.inside('half') })]
    : [];
  const engine = {
    backend: new RangedBackend(open({}), shadows, manifest, book),
    manifest,
    readShard: (shard: string, offset: number, bytes: number) => pack.range(shard, offset, bytes),
    file: (name: string) => pack.file(name),
  };
  return { engine, book };
}
