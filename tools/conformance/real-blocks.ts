import type { Manifest } from '../../workers/packs/manifest.ts';
import { formatsFor } from '../pack/emitter.ts';
import { emitGraphs } from '../pack/graphs.ts';
import { step1xPlan } from '../pack/plan-step1x.ts';
import { FULL_CONFIG } from '../pack/virtual-config.ts';

/** What plans are made from: a manifest with RealRestorer's blocks at 4 bits, and nothing else. No files. */
export function realRestorer(): Manifest {
  const plan = step1xPlan(FULL_CONFIG);
  const wanted = [...plan.graphs].filter(([name]) => ['double', 'single', 'last'].includes(name));
  const graphs = emitGraphs({ graphs: new Map(wanted) }, formatsFor(4, FULL_CONFIG.family));
  const instances: Manifest['instances'] = {};
  const weights: Record<string, object> = {};
  for (const { id, graph } of plan.instances) {
    const recipes = graphs.get(graph)?.recipes;
    if (!recipes) continue;
    instances[id] = {
      graph,
      weights: Object.fromEntries([...recipes.keys()].map((port) => [port, `${graph}.${port}`])),
    };
    for (const [port, { stored, shape }] of recipes) weights[`${graph}.${port}`] = { stored, shape };
  }
  const specs = Object.fromEntries([...graphs].map(([name, { spec }]) => [name, spec]));
  return { ...plan.head, graphs: specs, instances, weights } as unknown as Manifest;
}
