import { EngineError } from '../errors.ts';
import type { Manifest } from '../packs/manifest.ts';
import type { Tensor } from './backend.ts';
import type { Calls } from './calls.ts';
import { graphOf } from './plan.ts';
import { type TensorScope, withScope } from './scope.ts';

/** Whether a tensor of this name is still read by the graphs from `from` on, or by the caller at the end. */
function isNeeded(
  manifest: Manifest,
  chain: readonly string[],
  from: number,
  name: string,
  wanted: ReadonlySet<string>,
): boolean {
  for (const id of chain.slice(from)) {
    const graph = manifest.graphs[graphOf(manifest, id)];
    if (graph?.inputs.some((port) => port.name === name)) return true;
    if (graph?.outputs.some((port) => port.name === name)) return false;
  }
  return wanted.has(name);
}

/**
 * Runs graph instances one after the other. Each takes its inputs by name from what was given or put out before; a
 * later output of a name replaces the earlier one. Intermediates are disposed as soon as nothing needs them.
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
  return withScope(async (inner) => {
    const tensors: Record<string, Tensor> = { ...given };
    for (const [index, id] of chain.entries()) {
      const outputs = await calls.run(id, tensors, inner, callKind(id, tag));
      for (const [name, tensor] of Object.entries(outputs)) {
        const earlier = tensors[name];
        tensors[name] = tensor;
        if (earlier) inner.drop(earlier);
      }
      for (const [name, tensor] of Object.entries(tensors)) {
        if (!inner.has(tensor) || isNeeded(calls.manifest, chain, index + 1, name, wanted)) continue;
        inner.drop(tensor);
        delete tensors[name];
      }
    }
    const result: Record<string, Tensor> = {};
    for (const name of wanted) {
      const tensor = tensors[name];
      if (!tensor || !inner.has(tensor))
        throw new EngineError('pack-damaged', `the chain ${chain[0]}… makes no ${name}`);
      result[name] = inner.move(tensor, scope);
    }
    return result;
  });
}

/** Key of the wait for what a stage has computed. */
export function waitKind(stage: 'encode' | 'denoise' | 'decode' | 'pooled', tag: string): string {
  return callKind(`wait ${stage}`, tag);
}

/** Key of a call in the progress meter: the same graph at another size is another kind. */
export function callKind(graph: string, tag: string): string {
  return `${graph}@${tag}`;
}
