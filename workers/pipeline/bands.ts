/**
 * The plan of a graph that runs in bands of rows (`bands` in the manifest): how high the bands are under a byte budget, which
 * rows of which input each of them needs, and the statistics of group norms merged over all of them. Pure.
 */
import { EngineError } from '../errors.ts';
import { axisOf } from '../packs/dims.ts';
import { BAND_ROWS, type Bands, FOLD_ROWS, type GraphSpec, type Port } from '../packs/manifest.ts';
import { type Bindings, bindShapes, resolveShape } from './shapes.ts';

/** Rows `start` to `start + rows`. */
export interface Span {
  readonly start: number;
  readonly rows: number;
}

/** Rows of an input for one band; `before` and `after` of them lie outside of the tile and are zero. */
export interface Cut extends Span {
  readonly before: number;
  readonly after: number;
}

export interface BandPlan {
  /** Rows of the outputs that each call makes, from the top. */
  readonly bands: readonly Span[];
  /** Rows of the folded inputs that each call of a band is fed; one empty span where nothing is folded. */
  readonly folds: readonly Span[];
  /** Shapes of the outputs over the whole tile. */
  readonly outputs: Readonly<Record<string, readonly number[]>>;
  /** Sizes of the symbols other than rows. */
  readonly bindings: Bindings;
}

export type BandedGraph = GraphSpec & { readonly bands: Bands };

export function isBanded(graph: GraphSpec | undefined): graph is BandedGraph {
  return graph?.bands !== undefined;
}

/** Ports of the graph that are fed from the chain: all but the mask and the state. */
export function chainPorts({ inputs, bands }: GraphSpec): Port[] {
  const own = new Set([bands?.mask?.input, ...(bands?.state ?? []).map(({ name }) => name)]);
  return inputs.filter(({ name }) => !own.has(name));
}

const BYTES = 4;
const product = (dims: readonly number[]) => dims.reduce((all, side) => all * side, 1);
const damaged = (detail: string) => new EngineError('pack-damaged', detail);

/**
 * Bands as high as the budget allows, about equally high. One row (or the least number of rows that the graph can make) is
 * always allowed.
 *
 * @param fed shapes over the whole tile, by input; names that the graph doesn't ask for are skipped
 * @param bytes most that one input, output or inner tensor of a call may take
 * @throws EngineError 'pack-damaged' when the inputs' rows don't fit together, 'internal' when a shape is not as declared
 */
export function planBands(
  name: string,
  graph: BandedGraph,
  fed: Readonly<Record<string, readonly number[]>>,
  bytes: number,
): BandPlan {
  const bindings = bindOthers(name, graph, fed);
  const banded = graph.inputs.flatMap((port) => {
    const place = axisOf(port, BAND_ROWS);
    const dims = fed[port.name];
    return place && dims ? [{ term: place.term, rows: dims[place.axis] as number }] : [];
  });
  const [first] = banded;
  if (!first) throw damaged(`${name} has no input in bands`);
  const total = (first.rows * first.term.over) / first.term.times;
  if (!Number.isInteger(total) || banded.some(({ term, rows }) => (rows * term.over) / term.times !== total)) {
    throw damaged(`${name}: the rows of its inputs do not fit together`);
  }
  const unit = banded.reduce((most, { term }) => Math.max(most, term.over), 1);
  if (total % unit !== 0) throw damaged(`${name}: ${total} rows are not a multiple of ${unit}`);

  const folded = foldRows(name, graph, fed);
  const folds =
    folded === null ? [{ start: 0, rows: 0 }] : spans(folded, highest(graph, FOLD_ROWS, bindings, bytes), 1);
  const sizes = new Map(bindings).set(FOLD_ROWS, folds[0]?.rows ?? 0);
  const bands = spans(total, highest(graph, BAND_ROWS, sizes, bytes), unit);

  const whole = new Map(bindings).set(BAND_ROWS, total);
  const outputs = Object.fromEntries(
    graph.outputs.map((port) => {
      const dims = resolveShape(port.shape, whole);
      if (!dims) throw damaged(`${name} does not say the size of its output ${port.name}`);
      if (port.name === graph.bands.statistics?.output) dims[2] = bands.length;
      return [port.name, dims];
    }),
  );
  return { bands, folds, outputs, bindings };
}

/** Rows of one banded input for one band. @param height rows of the input over the whole tile */
export function cutOf(graph: BandedGraph, port: Port, band: Span, height: number): Cut {
  const place = axisOf(port, BAND_ROWS);
  if (!place) throw damaged(`${port.name} is not in bands`);
  const { times, over, plus } = place.term;
  const above = graph.bands.above.find(({ input }) => input === port.name)?.rows ?? 0;
  const start = (band.start * times) / over - above;
  const end = start + (band.rows * times) / over + plus;
  const from = Math.max(0, start);
  const to = Math.min(height, end);
  return { start: from, rows: to - from, before: from - start, after: end - to };
}

/** The mask of a cut: `[1,1,rows,1]` with 1 in rows of the tile, 0 outside. */
export function maskOf({ before, rows, after }: Cut): Float32Array {
  return new Float32Array(before + rows + after).fill(1, before, before + rows);
}

/**
 * Merges the statistics of bands with Chan's formula, in float64.
 *
 * @param parts means and variances of each band, `[1,2,bands,groups]`
 * @param counts values a group of each band
 * @returns `[1,2,1,groups]`: mean and 1/√(variance + eps) over all bands
 */
export function mergeStatistics(
  parts: Float32Array,
  counts: readonly number[],
  groups: number,
  eps: number,
): Float32Array {
  const bands = counts.length;
  if (parts.length !== 2 * bands * groups) throw new RangeError(`${parts.length} statistics of ${bands} bands`);
  const out = new Float32Array(2 * groups);
  for (let g = 0; g < groups; g++) {
    let n = 0;
    let mean = 0;
    let squares = 0;
    for (const [band, count] of counts.entries()) {
      const delta = (parts[band * groups + g] as number) - mean;
      const all = n + count;
      mean += (delta * count) / all;
      squares += count * (parts[(bands + band) * groups + g] as number) + (delta * delta * n * count) / all;
      n = all;
    }
    out[g] = mean;
    out[groups + g] = 1 / Math.sqrt(squares / n + eps);
  }
  return out;
}

/** Sizes of all symbols but the rows', from what is fed. */
function bindOthers(name: string, graph: BandedGraph, fed: Readonly<Record<string, readonly number[]>>): Bindings {
  const known: Record<string, readonly number[]> = {};
  const ports = chainPorts(graph).map((port) => {
    const dims = fed[port.name];
    if (!dims) throw damaged(`${name} has no tensor for ${port.name}`);
    const place = axisOf(port, BAND_ROWS) ?? axisOf(port, FOLD_ROWS);
    if (!place) {
      known[port.name] = dims;
      return port;
    }
    known[port.name] = dims.toSpliced(place.axis, 1);
    return { name: port.name, shape: port.shape.toSpliced(place.axis, 1) };
  });
  return bindShapes(ports, known);
}

function foldRows(name: string, graph: BandedGraph, fed: Readonly<Record<string, readonly number[]>>): number | null {
  const heights = graph.inputs.flatMap((port) => {
    const place = axisOf(port, FOLD_ROWS);
    return place ? [fed[port.name]?.[place.axis] ?? 0] : [];
  });
  const [height] = heights;
  if (height === undefined) return null;
  if (heights.some((other) => other !== height)) throw damaged(`${name}: its folded inputs differ in height`);
  return height;
}

/** Most rows that keep every tensor sized by `symbol` within `bytes`. Tensors with symbols that are not known do not count. */
function highest(graph: BandedGraph, symbol: string, bindings: Bindings, bytes: number): number {
  let most = Number.POSITIVE_INFINITY;
  const { scratch, statistics } = graph.bands;
  const outputs = graph.outputs.filter(({ name }) => name !== statistics?.output);
  for (const { shape } of [...graph.inputs, ...outputs, { shape: scratch }]) {
    const place = axisOf({ shape }, symbol);
    if (!place) continue;
    const others = resolveShape(shape.toSpliced(place.axis, 1), bindings);
    if (!others) continue;
    const { times, over, plus } = place.term;
    most = Math.min(most, ((bytes / (BYTES * product(others)) - plus) * over) / times);
  }
  return most;
}

function spans(total: number, most: number, unit: number): Span[] {
  const units = total / unit;
  const allowed = Math.min(units, Math.max(1, Math.floor(most / unit)));
  const each = Math.ceil(units / Math.ceil(units / allowed)) * unit;
  const out: Span[] = [];
  for (let start = 0; start < total; start += each) out.push({ start, rows: Math.min(each, total - start) });
  return out;
}
