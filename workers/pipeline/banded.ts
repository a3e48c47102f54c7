/** Runs one graph instance over a whole tile in bands of rows; `bands.ts` says which. */
import { EngineError } from '../errors.ts';
import { axisOf } from '../packs/dims.ts';
import { BAND_ROWS, FOLD_ROWS, type Port } from '../packs/manifest.ts';
import type { Tensor } from './backend.ts';
import { type BandedGraph, type BandPlan, chainPorts, cutOf, maskOf, mergeStatistics, type Span } from './bands.ts';
import type { Calls } from './calls.ts';
import { type TensorScope, withScope } from './scope.ts';
import { resolveShape } from './shapes.ts';
import { cutSheet, dropAbove, type Sheet, wholeOf } from './sheet.ts';

export interface BandedCall {
  readonly calls: Calls;
  readonly instance: string;
  readonly graph: BandedGraph;
  readonly plan: BandPlan;
  /** Inputs by name, and what else the chain holds. */
  readonly sheets: Readonly<Record<string, Sheet>>;
  /** Names that nothing needs after this graph: their parts go as soon as no band needs them. */
  readonly spent: ReadonlySet<string>;
  /** Owns the sheets, and what is made. */
  readonly scope: TensorScope;
  /** Keys of the calls and of the wait for the statistics in the progress meter. */
  readonly kind: string;
  readonly waitKind: string;
}

/** @returns the outputs by name; the merged statistics under the name that the manifest gives them */
export async function runBanded(call: BandedCall): Promise<Record<string, Sheet>> {
  const { graph, plan, scope, sheets } = call;
  const outputs: Record<string, Sheet> = {};
  for (const { name } of graph.outputs) {
    const axis = axisOf(portOf(graph, name), BAND_ROWS)?.axis ?? 2;
    outputs[name] = { dims: plan.outputs[name] as number[], axis, parts: [] };
  }
  for (const [index, band] of plan.bands.entries()) {
    await withScope(async (inner) => {
      const made = await runBand(call, band, inner);
      for (const { name } of graph.outputs) {
        const tensor = made[name];
        if (!tensor) throw new EngineError('pack-damaged', `${call.instance} has no tensor for ${name}`);
        const span = name === graph.bands.statistics?.output ? { start: index, rows: 1 } : band;
        outputs[name]?.parts.push({ tensor: inner.move(tensor, scope), ...span });
      }
    });
    const next = plan.bands[index + 1];
    if (!next) continue;
    for (const port of chainPorts(graph)) {
      const sheet = sheets[port.name];
      const place = axisOf(port, BAND_ROWS);
      if (!place || sheet?.axis !== place.axis || !call.spent.has(port.name)) continue;
      dropAbove(sheet, cutOf(graph, port, next, sheet.dims[place.axis] as number).start, scope);
    }
  }
  return mergeOutputs(call, outputs);
}

/** One band: one call, or one call a folded band with the state handed on. */
async function runBand(call: BandedCall, band: Span, scope: TensorScope): Promise<Record<string, Tensor>> {
  const { calls, graph, plan } = call;
  const feeds: Record<string, Tensor> = {};
  const folded: Port[] = [];
  for (const port of chainPorts(graph)) {
    const sheet = sheetFor(call, port.name);
    const place = axisOf(port, BAND_ROWS);
    if (place) {
      const cut = cutOf(graph, port, band, sheet.dims[place.axis] as number);
      feeds[port.name] = cutSheet(calls.backend, sheet, place.axis, cut, scope);
      if (graph.bands.mask?.of === port.name) {
        const mask = maskOf(cut);
        feeds[graph.bands.mask.input] = calls.upload(scope, 'float32', [1, 1, mask.length, 1], mask);
      }
    } else if (axisOf(port, FOLD_ROWS)) {
      folded.push(port);
    } else {
      feeds[port.name] = wholeOf(calls.backend, sheet, call.scope);
    }
  }
  const sizes = new Map(plan.bindings).set(BAND_ROWS, band.rows);
  for (const { name, start } of graph.bands.state) {
    const dims = resolveShape(portOf(graph, name).shape, sizes);
    if (!dims) throw new EngineError('pack-damaged', `${call.instance} does not say the size of ${name}`);
    const length = dims.reduce((product, side) => product * side, 1);
    feeds[name] = calls.upload(scope, 'float32', dims, new Float32Array(length).fill(start));
  }
  let made: Record<string, Tensor> = {};
  for (const fold of plan.folds) {
    made = await withScope(async (inner) => {
      for (const port of folded) {
        const axis = axisOf(port, FOLD_ROWS)?.axis ?? 2;
        const cut = { ...fold, before: 0, after: 0 };
        feeds[port.name] = cutSheet(calls.backend, sheetFor(call, port.name), axis, cut, inner);
      }
      return calls.run(call.instance, feeds, scope, call.kind);
    });
    for (const { name } of graph.bands.state) {
      const [before, after] = [feeds[name], made[name]];
      if (before) scope.drop(before);
      if (after) feeds[name] = after;
    }
  }
  return made;
}

/** Statistics of all bands become one tensor under the name that later graphs ask for. */
async function mergeOutputs(call: BandedCall, outputs: Record<string, Sheet>): Promise<Record<string, Sheet>> {
  const { calls, graph, plan, scope } = call;
  const { statistics } = graph.bands;
  if (!statistics) return outputs;
  const { [statistics.output]: parts, ...others } = outputs;
  const of = outputs[statistics.of];
  if (!parts || !of) throw new EngineError('internal', 'statistics without their tensor');
  const perRow = of.dims.reduce((product, side) => product * side, 1) / (of.dims[of.axis] as number);
  const counts = plan.bands.map(({ rows }) => (rows * perRow) / statistics.groups);
  const values = await calls.download(wholeOf(calls.backend, parts, scope), call.waitKind);
  for (const { tensor } of parts.parts) scope.drop(tensor);
  const merged = mergeStatistics(values, counts, statistics.groups, statistics.eps);
  const dims = [1, 2, 1, statistics.groups];
  const tensor = calls.upload(scope, 'float32', dims, merged);
  return { ...others, [statistics.norm]: { dims, axis: 2, parts: [{ tensor, start: 0, rows: 1 }] } };
}

function sheetFor({ sheets, instance }: BandedCall, name: string): Sheet {
  const sheet = sheets[name];
  if (!sheet) throw new EngineError('pack-damaged', `${instance} has no tensor for ${name}`);
  return sheet;
}

function portOf(graph: BandedGraph, name: string): Port {
  const port = [...graph.outputs, ...graph.inputs].find((other) => other.name === name);
  if (!port) throw new EngineError('pack-damaged', `no port ${name}`);
  return port;
}
