/** Whether the description of a graph that runs in bands fits its ports, so that the pipeline can cut without looking twice. */
import { EngineError } from '../errors.ts';
import { axisOf, parseDim } from './dims.ts';
import { BAND_ROWS, type Bands, FOLD_ROWS, type GraphSpec, type Port } from './manifest.ts';

/** What rows may be multiplied and divided by: powers of 2, so that the largest divisor serves all inputs. */
const FACTORS = [1, 2, 4, 8];
/** Most rows of halo. */
const MOST_HALO = 16;

/** @throws EngineError 'pack-damaged' with the first thing that does not fit */
export function checkBands(id: string, graph: GraphSpec): void {
  const { bands } = graph;
  if (!bands) return;
  const refuse = (detail: string) => new EngineError('pack-damaged', `graph ${id}: ${detail}`);
  const own = new Set([bands.mask?.input, ...bands.state.map(({ name }) => name)]);
  for (const port of [...graph.inputs, ...graph.outputs]) {
    const problem = portProblem(port);
    if (problem) throw refuse(`${port.name} ${problem}`);
  }
  const cut = graph.inputs.filter((port) => axisOf(port, BAND_ROWS) && !own.has(port.name));
  if (cut.length === 0) throw refuse('no input is cut into bands');
  for (const { input, rows } of bands.above) {
    const port = cut.find(({ name }) => name === input);
    if (!port || rows > (axisOf(port, BAND_ROWS)?.term.plus ?? 0)) throw refuse(`${input} has no ${rows} rows above`);
  }
  if (new Set(bands.above.map(({ input }) => input)).size !== bands.above.length)
    throw refuse('rows above are told twice');
  const problem = maskProblem(graph, bands, cut) ?? outputProblem(graph, bands) ?? stateProblem(graph, bands);
  if (problem) throw refuse(problem);
}

function portProblem(port: Port): string | null {
  const terms = port.shape.filter((side) => typeof side === 'string').map(parseDim);
  const rows = terms.filter(({ symbol }) => symbol === BAND_ROWS || symbol === FOLD_ROWS);
  const [term] = rows;
  if (!term) return null;
  if (rows.length > 1) return 'has two axes of rows';
  if (port.dtype !== 'float32') return `is ${port.dtype}, and bands are float32`;
  const fits = FACTORS.includes(term.times) && FACTORS.includes(term.over) && term.plus <= MOST_HALO;
  if (!fits) return 'has rows that no band has';
  const plain = term.times === 1 && term.over === 1 && term.plus === 0;
  return term.symbol === FOLD_ROWS && !plain ? 'is folded with a halo or a scale' : null;
}

function maskProblem(graph: GraphSpec, { mask, state }: Bands, cut: readonly Port[]): string | null {
  if (!mask) return null;
  const port = graph.inputs.find(({ name }) => name === mask.input);
  const of = cut.find(({ name }) => name === mask.of);
  const rows = of?.shape[(of && axisOf(of, BAND_ROWS)?.axis) ?? 0];
  const fits = port?.dtype === 'float32' && port.shape.join() === [1, 1, rows, 1].join();
  const alone = state.every(({ name }) => name !== mask.input);
  return rows !== undefined && fits && alone ? null : `${mask.input} is no mask of ${mask.of}`;
}

function outputProblem(graph: GraphSpec, { statistics }: Bands): string | null {
  for (const port of graph.outputs) {
    if (port.name === statistics?.output) continue;
    const term = axisOf(port, BAND_ROWS)?.term;
    if (term?.times !== 1 || term.over !== 1 || term.plus !== 0) return `${port.name} is not made of bands`;
  }
  if (!statistics) return null;
  const { output, of, groups } = statistics;
  const made = graph.outputs.find(({ name }) => name === output);
  const normed = graph.outputs.find(({ name }) => name === of);
  const channels = normed?.shape[1];
  const planes = normed && output !== of && normed.shape.length === 4 && axisOf(normed, BAND_ROWS)?.axis === 2;
  if (!planes || typeof channels !== 'number' || channels % groups !== 0) return `${of} has no ${groups} groups`;
  const fits = made?.dtype === 'float32' && made.shape.join() === [1, 2, 1, groups].join();
  return fits ? null : `${output} is not the statistics of ${groups} groups`;
}

function stateProblem({ inputs, outputs }: GraphSpec, { state }: Bands): string | null {
  const folded = inputs.some((port) => axisOf(port, FOLD_ROWS));
  if (!folded) return state.length === 0 ? null : 'state without an input that is folded';
  for (const { name } of state) {
    const port = inputs.find((input) => input.name === name);
    const after = outputs.find((output) => output.name === name);
    if (!port || !axisOf(port, BAND_ROWS) || port.shape.join() !== after?.shape.join()) return `${name} is no state`;
  }
  const all = outputs.every(({ name }) => state.some((item) => item.name === name));
  return all && new Set(state.map(({ name }) => name)).size === state.length ? null : 'an output is not state';
}
