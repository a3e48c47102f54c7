import { EngineError } from '../errors.ts';
import type { GraphSpec } from '../packs/manifest.ts';
import type { Tensor } from './backend.ts';
import { runBanded } from './banded.ts';
import { type BandedGraph, isBanded, planBands } from './bands.ts';
import type { Calls } from './calls.ts';
import { isNeeded } from './chain-plan.ts';
import { graphOf } from './plan.ts';
import { type TensorScope, withScope } from './scope.ts';
import { dropSheet, type Sheet, sheetOf, wholeOf } from './sheet.ts';

/**
 * Runs graph instances one after the other. Each takes its inputs by name from what was given or put out before; a
 * later output of a name replaces the earlier one. Intermediates are disposed as soon as nothing needs them, those that
 * lie in bands band by band.
 *
 * @param given tensors by name; they stay the caller's
 * @param wanted names of the outputs to keep
 * @param scope owns the wanted outputs
 * @param tag size of the tensors, for the progress meter
 */
export async function runChain(
  calls: Calls,
  chain: readonly string[],
  given: Readonly<Record<string, Tensor>>,
  wanted: ReadonlySet<string>,
  scope: TensorScope,
  tag: string,
): Promise<Record<string, Tensor>> {
  const { manifest, backend } = calls;
  return withScope(async (inner) => {
    const sheets: Record<string, Sheet> = {};
    for (const [name, tensor] of Object.entries(given)) sheets[name] = sheetOf(tensor);
    for (const [index, id] of chain.entries()) {
      const graph = manifest.graphs[graphOf(manifest, id)];
      const needed = (name: string) => isNeeded(manifest, chain.slice(index + 1), name, wanted);
      const outputs = isBanded(graph)
        ? await runInBands(calls, id, graph, sheets, needed, inner, tag)
        : await runWhole(calls, id, graph, sheets, inner, tag);
      for (const [name, sheet] of Object.entries(outputs)) {
        const earlier = sheets[name];
        sheets[name] = sheet;
        if (earlier) dropSheet(earlier, inner);
      }
      for (const [name, sheet] of Object.entries(sheets)) {
        if (needed(name)) continue;
        dropSheet(sheet, inner);
        delete sheets[name];
      }
    }
    const result: Record<string, Tensor> = {};
    for (const name of wanted) {
      const sheet = sheets[name];
      const tensor = sheet && wholeOf(backend, sheet, inner);
      if (!tensor || !inner.has(tensor)) {
        throw new EngineError('pack-damaged', `the chain ${chain[0]}… makes no ${name}`);
      }
      result[name] = inner.move(tensor, scope);
    }
    return result;
  });
}

async function runWhole(
  calls: Calls,
  id: string,
  graph: GraphSpec | undefined,
  sheets: Readonly<Record<string, Sheet>>,
  scope: TensorScope,
  tag: string,
): Promise<Record<string, Sheet>> {
  const feeds: Record<string, Tensor> = {};
  for (const { name } of graph?.inputs ?? []) {
    const sheet = sheets[name];
    if (sheet) feeds[name] = wholeOf(calls.backend, sheet, scope);
  }
  const outputs = await calls.run(id, feeds, scope, callKind(id, tag));
  return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, sheetOf(tensor)]));
}

function runInBands(
  calls: Calls,
  instance: string,
  graph: BandedGraph,
  sheets: Readonly<Record<string, Sheet>>,
  needed: (name: string) => boolean,
  scope: TensorScope,
  tag: string,
): Promise<Record<string, Sheet>> {
  const dims = Object.fromEntries(Object.entries(sheets).map(([name, sheet]) => [name, sheet.dims]));
  const plan = planBands(instance, graph, dims, calls.bandBytes);
  const replaced = new Set(graph.outputs.map(({ name }) => name));
  const spent = new Set(Object.keys(sheets).filter((name) => replaced.has(name) || !needed(name)));
  const [kind, wait] = [callKind(instance, tag), waitKind('statistics', tag)];
  return runBanded({ calls, instance, graph, plan, sheets, spent, scope, kind, waitKind: wait });
}

/** Key of the wait for what a stage has computed. */
export function waitKind(
  stage: 'read' | 'overview' | 'encode' | 'denoise' | 'decode' | 'pooled' | 'statistics',
  tag: string,
): string {
  return callKind(`wait ${stage}`, tag);
}

/** Key of a call in the progress meter: the same graph at another size is another kind. */
export function callKind(graph: string, tag: string): string {
  return `${graph}@${tag}`;
}
