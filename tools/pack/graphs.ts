/** Emits every variant of every graph of a plan. */
import type { GraphSpec, Mode } from '../../workers/packs/manifest.ts';
import { Emitter, type Formats, type Recipe } from './emitter.ts';
import type { GraphPlan, Plan } from './plan-parts.ts';

export interface EmittedGraph {
  readonly spec: GraphSpec;
  readonly recipes: ReadonlyMap<string, Recipe>;
  /** File name to bytes. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

function emitOne(name: string, plan: GraphPlan, mode: Mode, chunks: number, formats: Formats): Emitter {
  const e = new Emitter(name, mode, chunks, formats);
  plan.emit(e);
  return e;
}

function emitGraph(name: string, plan: GraphPlan, formats: Formats): EmittedGraph {
  const first = emitOne(name, plan, 'f32', 1, formats);
  const ports = JSON.stringify([first.inputs, first.weights, first.outputs]);
  const variants: GraphSpec['variants'] = [];
  const files = new Map<string, Uint8Array>();
  const modes: readonly Mode[] = ['f32', 'f16'];
  for (const mode of modes) {
    for (const queryChunks of plan.chunks) {
      const emitted = emitOne(name, plan, plan.modes === 'one' ? 'f32' : mode, queryChunks, formats);
      if (JSON.stringify([emitted.inputs, emitted.weights, emitted.outputs]) !== ports) {
        throw new Error(`${name}: variants with different ports`);
      }
      const pieces = queryChunks === 1 ? '' : `-${queryChunks}`;
      const file = plan.modes === 'one' ? `${name}.onnx` : `${name}-${mode}${pieces}.onnx`;
      variants.push({ mode, queryChunks, file });
      files.set(file, emitted.model.encode());
    }
  }
  const { inputs, weights, outputs, bands } = first;
  return { spec: { inputs, weights, outputs, ...(bands && { bands }), variants }, recipes: first.recipes, files };
}

export function emitGraphs(plan: Pick<Plan, 'graphs'>, formats: Formats): Map<string, EmittedGraph> {
  return new Map([...plan.graphs].map(([name, graph]) => [name, emitGraph(name, graph, formats)]));
}
