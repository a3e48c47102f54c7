/** Runs graph instances of a pack folder on onnxruntime-web's wasm in Node: for the preview fit and for tests. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import * as ort from 'onnxruntime-web';
import { type Manifest, type Mode, onnxOutput, type Port } from '../../workers/packs/manifest.ts';
import { decodeWeight, fedDType } from '../../workers/packs/weights.ts';
import type { TensorData } from '../../workers/pipeline/backend.ts';

ort.env.wasm.numThreads = 1;

export interface Plain {
  readonly dims: readonly number[];
  readonly data: TensorData;
}

export class PackRunner {
  private readonly folder: string;
  private readonly manifest: Pick<Manifest, 'graphs' | 'instances' | 'weights'>;
  private readonly mode: Mode;
  private readonly sessions = new Map<string, Promise<ort.InferenceSession>>();

  constructor(folder: string, manifest: Pick<Manifest, 'graphs' | 'instances' | 'weights'>, mode: Mode = 'f32') {
    this.folder = folder;
    this.manifest = manifest;
    this.mode = mode;
  }

  private graph(id: string) {
    const graph = this.manifest.graphs[id];
    if (graph === undefined) throw new Error(`no graph ${id}`);
    return graph;
  }

  private session(id: string, queryChunks: number): Promise<ort.InferenceSession> {
    const variant = this.graph(id).variants.find((v) => v.mode === this.mode && v.queryChunks === queryChunks);
    if (variant === undefined) throw new Error(`graph ${id} has no variant ${this.mode} × ${queryChunks}`);
    let session = this.sessions.get(variant.file);
    if (session === undefined) {
      session = ort.InferenceSession.create(join(this.folder, variant.file), {
        executionProviders: ['wasm'],
        logSeverityLevel: 3,
      });
      this.sessions.set(variant.file, session);
    }
    return session;
  }

  private async weight(id: string, port: Port): Promise<ort.Tensor> {
    const spec = this.manifest.weights[id];
    if (spec === undefined) throw new Error(`no weight ${id}`);
    const file = await open(join(this.folder, spec.shard), 'r');
    try {
      const bytes = new Uint8Array(spec.bytes);
      await file.read(bytes, 0, spec.bytes, spec.offset);
      const dtype = fedDType(port, this.mode);
      return new ort.Tensor(dtype, decodeWeight(bytes, spec, dtype), spec.shape);
    } finally {
      await file.close();
    }
  }

  /**
   * Runs one instance.
   *
   * @param feeds data inputs by name; float32 or int32
   * @returns float32 outputs by name
   */
  async run(id: string, feeds: Readonly<Record<string, Plain>>, queryChunks = 1): Promise<Record<string, Plain>> {
    const instance = this.manifest.instances[id];
    if (instance === undefined) throw new Error(`no instance ${id}`);
    const session = await this.session(instance.graph, queryChunks);
    const graph = this.graph(instance.graph);
    const tensors: Record<string, ort.Tensor> = {};
    for (const { name, dtype } of graph.inputs) {
      const feed = feeds[name];
      if (feed === undefined) throw new Error(`${id}: ${name} was not fed`);
      tensors[name] = new ort.Tensor(dtype === 'int32' ? 'int32' : 'float32', feed.data, [...feed.dims]);
    }
    for (const port of graph.weights) {
      const weight = instance.weights[port.name];
      if (weight === undefined) throw new Error(`${id}: no weight for ${port.name}`);
      tensors[port.name] = await this.weight(weight, port);
    }
    const results = await session.run(tensors);
    return Object.fromEntries(
      graph.outputs.map(({ name }) => {
        const result = results[onnxOutput(graph, name)];
        if (result === undefined || !(result.data instanceof Float32Array)) throw new Error(`${id}: no output ${name}`);
        return [name, { dims: result.dims, data: result.data }];
      }),
    );
  }

  /** Runs a chain: tensors are handed on by name (docs/pack-format.md). */
  async chain(
    ids: readonly string[],
    feeds: Readonly<Record<string, Plain>>,
    queryChunks = 1,
  ): Promise<Record<string, Plain>> {
    const known: Record<string, Plain> = { ...feeds };
    for (const id of ids) Object.assign(known, await this.run(id, known, this.chunksOf(id, queryChunks)));
    return known;
  }

  private chunksOf(id: string, queryChunks: number): number {
    const variants = this.graph(this.manifest.instances[id]?.graph ?? id).variants;
    return variants.some((v) => v.queryChunks === queryChunks) ? queryChunks : 1;
  }

  async close(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).release();
    this.sessions.clear();
  }
}
