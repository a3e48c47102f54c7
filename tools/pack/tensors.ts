import type { PackConfig } from './config.ts';
import { formatsFor } from './emitter.ts';
import { emitGraphs } from './graphs.ts';
import { planFor } from './plan.ts';
import { EMBEDDING_TENSOR } from './plan-qwen.ts';

/** Every tensor that a pack of this config is made of, with its shape; the baked states too. */
export function tensorsOf(config: PackConfig): Map<string, readonly number[]> {
  const plan = planFor(config);
  const graphs = emitGraphs(plan, formatsFor(32, config.family));
  const tensors = new Map<string, readonly number[]>();
  for (const { graph, prefix } of plan.instances) {
    for (const { source, computed } of graphs.get(graph)?.recipes.values() ?? [])
      if (computed !== true) tensors.set(prefix + source.tensor, source.full);
  }
  if (plan.states !== null) tensors.set(plan.states.tensor, plan.states.full);
  if (plan.encoder !== null) {
    const { vocabulary, hidden } = plan.encoder.config.language;
    tensors.set(EMBEDDING_TENSOR, [vocabulary, hidden]);
  }
  return tensors;
}
