/** What both browser backends work out from the manifest before a run: variant, dtypes, output shapes. Pure. */
import { EngineError } from '../errors.ts';
import { type GraphSpec, type Manifest, type Mode, onnxOutput, type Port } from '../packs/manifest.ts';
import { fedDType } from '../packs/weights.ts';
import type { DType, Tensor } from '../pipeline/backend.ts';
import { type Bindings, bindShapes, resolveShape } from '../pipeline/shapes.ts';

export interface Planned {
  readonly file: string;
  /** `onnx` is the output's name inside the ONNX file. */
  readonly outputs: readonly { name: string; onnx: string; dtype: DType; dims: number[] }[];
}

/** @throws EngineError 'internal' for an instance that the pack does not have */
export function graphOf(manifest: Manifest, instance: string): { id: string; graph: GraphSpec } {
  const id = manifest.instances[instance]?.graph;
  const graph = id === undefined ? undefined : manifest.graphs[id];
  if (id === undefined || !graph) throw new EngineError('internal', `no graph instance ${instance}`);
  return { id, graph };
}

/** The mode's variant with the fewest query chunks that are at least `queryChunks`, else the one with the most. */
export function variantFile(graph: GraphSpec, mode: Mode, queryChunks: number): string {
  const variants = graph.variants.filter((v) => v.mode === mode).sort((a, b) => a.queryChunks - b.queryChunks);
  const chosen = variants.find((v) => v.queryChunks >= queryChunks) ?? variants.at(-1);
  if (!chosen) throw new EngineError('pack-damaged', `no variant for mode ${mode}`);
  return chosen.file;
}

/** True when every graph of the pack has a variant for `mode`. */
export function hasMode(manifest: Manifest, mode: Mode): boolean {
  return Object.values(manifest.graphs).every((graph) => graph.variants.some((variant) => variant.mode === mode));
}

/**
 * Checks the feeds against the declared inputs and works out what comes out.
 *
 * @throws EngineError 'internal' when a feed is missing, has the wrong dtype or shape
 */
export function planRun(
  manifest: Manifest,
  instance: string,
  mode: Mode,
  feeds: Readonly<Record<string, Tensor>>,
  queryChunks = 1,
): Planned {
  const { id, graph } = graphOf(manifest, instance);
  for (const port of graph.inputs) {
    const fed = feeds[port.name];
    if (!fed) throw new EngineError('internal', `${instance} was not fed ${port.name}`);
    const dtype = fedDType(port, mode);
    if (fed.dtype !== dtype)
      throw new EngineError('internal', `${instance}.${port.name} is ${dtype}, not ${fed.dtype}`);
  }
  const dims = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, tensor.dims]));
  const bindings = completeBindings(manifest, bindShapes(graph.inputs, dims));
  const outputs = graph.outputs.map((port) => ({
    name: port.name,
    onnx: onnxOutput(graph, port.name),
    dtype: fedDType(port, mode),
    dims: outputShape(id, port, bindings),
  }));
  return { file: variantFile(graph, mode, queryChunks), outputs };
}

/**
 * Adds the symbols that no input carries: `T` text tokens, `n` image tokens of `embed` (target tokens, and as many
 * again with the reference along the sequence), pixels H × W of latents h × w.
 */
export function completeBindings(manifest: Manifest, bindings: Bindings): Bindings {
  const { family, switches } = manifest;
  const all: Bindings = new Map(bindings);
  const add = (symbol: string, value: number) => {
    if (!all.has(symbol)) all.set(symbol, value);
  };
  add('T', family.contextTokens);
  const h = all.get('h');
  const w = all.get('w');
  if (h !== undefined && w !== undefined) {
    const target = (h / family.patch) * (w / family.patch);
    add('G', target);
    add('n', switches.reference.kind === 'tokens' ? 2 * target : target);
    add('H', h * family.factor);
    add('W', w * family.factor);
  }
  return all;
}

function outputShape(graph: string, port: Port, bindings: Bindings): number[] {
  const dims = resolveShape(port.shape, bindings);
  if (!dims) throw new EngineError('pack-damaged', `${graph} does not say the size of its output ${port.name}`);
  return dims;
}
