/** Plain arrays in and out of the graphs of a pack folder, by the pipeline's own chains: for the preview fit and for tests. */
import type { Manifest, Mode } from '../../workers/packs/manifest.ts';
import type { Backend, Tensor, TensorData } from '../../workers/pipeline/backend.ts';
import { Calls } from '../../workers/pipeline/calls.ts';
import { runChain } from '../../workers/pipeline/chain.ts';
import { defaultBandBytes, graphOf } from '../../workers/pipeline/plan.ts';
import { ProgressMeter } from '../../workers/pipeline/progress.ts';
import { type TensorScope, withScope } from '../../workers/pipeline/scope.ts';
import { NodeBackend, type NodeBackendOptions } from '../backend-node/backend.ts';
import { loadOrt, type Provider } from '../backend-node/ort.ts';
import { PackFolder } from '../backend-node/pack-folder.ts';

export interface Plain {
  readonly dims: readonly number[];
  readonly data: TensorData;
}

export interface RunnerOptions {
  readonly mode?: Mode;
  /** Most bytes that one tensor of a call in bands may take. */
  readonly bandBytes?: number;
  /** Bytes of decoded weights that are held. */
  readonly budget?: number;
  /** onnxruntime-web's wasm with one thread where absent, which gives the same bits everywhere. */
  readonly provider?: Provider;
  readonly inside?: NonNullable<NodeBackendOptions['inside']>;
}

/** The folder's files are taken as they are. */
export class PackRunner {
  private readonly folder: string;
  private readonly manifest: Manifest;
  private readonly options: RunnerOptions;
  private backend: NodeBackend | null = null;

  constructor(folder: string, manifest: Manifest, options: RunnerOptions = {}) {
    this.folder = folder;
    this.manifest = manifest;
    this.options = options;
  }

  /**
   * Runs one instance.
   *
   * @param feeds data inputs by name, and what else there is; float32 or int32
   * @returns float32 outputs by name
   */
  async run(id: string, feeds: Readonly<Record<string, Plain>>, queryChunks = 1): Promise<Record<string, Plain>> {
    const backend = await this.open();
    const inputs = this.manifest.graphs[graphOf(this.manifest, id)]?.inputs ?? [];
    return withScope(async (scope) => {
      const tensors: Record<string, Tensor> = {};
      for (const { name, dtype } of inputs) {
        const feed = feeds[name];
        if (feed === undefined) throw new Error(`${id}: ${name} was not fed`);
        const type = dtype === 'int32' ? 'int32' : 'float32';
        tensors[name] = scope.add(backend.upload(type, feed.dims, feed.data));
      }
      const outputs = await backend.run(id, tensors, { queryChunks });
      for (const tensor of Object.values(outputs)) scope.add(tensor);
      return download(backend, outputs);
    });
  }

  /**
   * Runs a chain (docs/pack-format.md).
   *
   * @param wanted names to return; everything that the chain puts out where absent
   */
  async chain(
    ids: readonly string[],
    feeds: Readonly<Record<string, Plain>>,
    wanted: readonly string[] = this.outputsOf(ids),
  ): Promise<Record<string, Plain>> {
    const backend = await this.open();
    const bytes = this.options.bandBytes ?? defaultBandBytes(backend.kind);
    const calls = new Calls(backend, this.manifest, new ProgressMeter(), undefined, {}, bytes);
    return withScope(async (scope: TensorScope) => {
      const given: Record<string, Tensor> = {};
      for (const [name, { dims, data }] of Object.entries(feeds)) {
        given[name] = scope.add(backend.upload('float32', dims, data));
      }
      return download(backend, await runChain(calls, ids, given, new Set(wanted), scope, ''));
    });
  }

  private outputsOf(ids: readonly string[]): string[] {
    return ids.flatMap((id) => {
      const graph = this.manifest.graphs[graphOf(this.manifest, id)];
      const statistics = graph?.bands?.statistics?.output;
      return (graph?.outputs ?? []).map(({ name }) => name).filter((name) => name !== statistics);
    });
  }

  private async open(): Promise<NodeBackend> {
    if (this.backend === null) {
      const pack = PackFolder.unchecked(this.folder, this.manifest);
      const provider = this.options.provider ?? 'wasm';
      this.backend = new NodeBackend(await loadOrt(provider, 1), provider, pack, this.options);
    }
    return this.backend;
  }

  async close(): Promise<void> {
    await this.backend?.dispose();
    this.backend = null;
  }
}

async function download(backend: Backend, tensors: Readonly<Record<string, Tensor>>): Promise<Record<string, Plain>> {
  const out: Record<string, Plain> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    out[name] = { dims: tensor.dims, data: await backend.download(tensor) };
  }
  return out;
}
