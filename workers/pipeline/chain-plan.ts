/** What a chain of graphs will do with tensors of given shapes: the shapes it makes, its calls, and what they cost. Pure. */
import { EngineError } from '../errors.ts';
import { axisOf } from '../packs/dims.ts';
import { BAND_ROWS, FOLD_ROWS, type GraphSpec, type Manifest } from '../packs/manifest.ts';
import { type BandPlan, chainPorts, isBanded, planBands } from './bands.ts';
import { bindShapes, resolveShape } from './shapes.ts';

export type Shapes = Record<string, readonly number[]>;

export interface ChainStep {
  readonly id: string;
  /** Graph calls: one for graphs that see whole tensors. */
  readonly calls: number;
  /** Whether the step waits for statistics of its bands. */
  readonly statistics: boolean;
  /** Share of the chain's work, 0 to 1. */
  readonly share: number;
}

const elements = (dims: readonly number[]) => dims.reduce((all, side) => all * side, 1);

/**
 * The shapes that a chain puts out, by name; of a name that is put out twice, the last. Shapes that the inputs do not tell
 * are left out.
 */
export function chainShapes(manifest: Manifest, chain: readonly string[], given: Shapes, bandBytes: number): Shapes {
  const shapes = { ...given };
  for (const id of chain) Object.assign(shapes, walk(manifest, id, shapes, bandBytes).outputs);
  return shapes;
}

/** The steps of a chain. Work is told by multiplications where graphs run in bands; the steps of other chains count alike. */
export function chainSteps(
  manifest: Manifest,
  chain: readonly string[],
  given: Shapes,
  bandBytes: number,
): ChainStep[] {
  const shapes = { ...given };
  const steps = chain.map((id) => {
    const { graph, plan, outputs } = walk(manifest, id, shapes, bandBytes);
    const work = plan === null ? null : multiplications(graph, plan, shapes);
    Object.assign(shapes, outputs);
    const calls = plan === null ? 1 : plan.bands.length * plan.folds.length;
    return { id, calls, statistics: (graph.bands?.statistics ?? null) !== null, work };
  });
  const total = steps.reduce((sum, { work }) => sum + (work ?? Number.NaN), 0);
  return steps.map(({ work, ...step }) => ({
    ...step,
    share: total > 0 ? (work ?? 0) / total : 1 / chain.length,
  }));
}

/** Whether a tensor of this name is read by the rest of a chain, before it is replaced, or by the caller at the end. */
export function isNeeded(
  manifest: Manifest,
  rest: readonly string[],
  name: string,
  wanted: ReadonlySet<string>,
): boolean {
  for (const id of rest) {
    const graph = manifest.graphs[manifest.instances[id]?.graph ?? ''];
    if (!graph) continue;
    if (chainPorts(graph).some((port) => port.name === name)) return true;
    if (name === graph.bands?.statistics?.norm || graph.outputs.some((port) => port.name === name)) return false;
  }
  return wanted.has(name);
}

/**
 * Bytes of all tensors between the graphs of a chain, where they are most. What a graph no longer needs is let go band by
 * band while its outputs grow, so that there is never more than before or after a graph; a call itself takes a few tensors
 * of `bandBytes` beside them.
 *
 * @param given shapes of what the chain starts from; they count as well
 * @param wanted names that are kept to the end
 */
export function chainPeakBytes(
  manifest: Manifest,
  chain: readonly string[],
  given: Shapes,
  wanted: ReadonlySet<string>,
  bandBytes: number,
): number {
  const shapes: Record<string, readonly number[]> = { ...given };
  const alive = () => Object.values(shapes).reduce((sum, dims) => sum + 4 * elements(dims), 0);
  let peak = alive();
  for (const [index, id] of chain.entries()) {
    const { plan, outputs } = walk(manifest, id, shapes, bandBytes);
    Object.assign(shapes, outputs);
    if (plan === null) peak = Math.max(peak, alive());
    const rest = chain.slice(index + 1);
    for (const name of Object.keys(shapes)) {
      if (!Object.hasOwn(given, name) && !isNeeded(manifest, rest, name, wanted)) delete shapes[name];
    }
    peak = Math.max(peak, alive());
  }
  return peak;
}

interface Walked {
  readonly graph: GraphSpec;
  /** null for graphs that see whole tensors. */
  readonly plan: BandPlan | null;
  readonly outputs: Shapes;
}

function walk(manifest: Manifest, id: string, shapes: Shapes, bandBytes: number): Walked {
  const graph = manifest.graphs[manifest.instances[id]?.graph ?? ''];
  if (!graph) throw new EngineError('pack-damaged', `the pack has no ${id}`);
  if (isBanded(graph)) {
    const plan = planBands(id, graph, shapes, bandBytes);
    const { statistics } = graph.bands;
    const norm: Shapes = statistics ? { [statistics.norm]: [1, 2, 1, statistics.groups] } : {};
    return { graph, plan, outputs: { ...plan.outputs, ...norm } };
  }
  const bindings = bindShapes(graph.inputs, shapes);
  const outputs: Shapes = {};
  for (const port of graph.outputs) {
    const dims = resolveShape(port.shape, bindings);
    if (dims) outputs[port.name] = dims;
  }
  return { graph, plan: null, outputs };
}

/** Every weight, and every value that is folded in, is used once at each position of the first output. */
function multiplications(graph: GraphSpec, plan: BandPlan, shapes: Shapes): number {
  const [first] = graph.outputs;
  const dims = first ? (plan.outputs[first.name] ?? []) : [];
  // Planes have their channels on axis 1; where the rows are there, channels come last.
  const channels = (first && axisOf(first, BAND_ROWS)?.axis === 1 ? dims.at(-1) : dims[1]) ?? 1;
  let factors = 0;
  for (const { shape } of graph.weights)
    factors += elements(shape.map((side) => (typeof side === 'number' ? side : 1)));
  for (const port of graph.inputs) if (axisOf(port, FOLD_ROWS)) factors += elements(shapes[port.name] ?? []);
  return (elements(dims) / channels) * factors;
}
