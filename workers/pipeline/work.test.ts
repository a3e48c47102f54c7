import { describe, expect, it } from 'vitest';
import { formatsFor } from '../../tools/pack/emitter.ts';
import { emitGraphs } from '../../tools/pack/graphs.ts';
import { step1xPlan } from '../../tools/pack/plan-step1x.ts';
import { FULL_CONFIG } from '../../tools/pack/virtual-config.ts';
import type { Manifest } from '../packs/manifest.ts';
import { longestDispatch, stepMacs } from './work.ts';

/** What of a manifest work is counted from: RealRestorer's blocks. */
function realRestorer(): Manifest {
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

const manifest = realRestorer();

describe('work of a block', () => {
  it('adds up to what RealRestorer takes for a tile of 1024 px: 84.6 TMAC a branch and step', () => {
    // The last block is counted in full, but runs for half of the tokens.
    expect(stepMacs(manifest, 1024, 1024) / 84.6e12).toBeGreaterThan(0.99);
    expect(stepMacs(manifest, 1024, 1024) / 84.6e12).toBeLessThan(1.03);
  });

  it('tells the longest dispatch: without chunks the MLP or attention, with 40 of them a whole linear', () => {
    const whole = longestDispatch(manifest, 1024, 1024, 1);
    expect(whole.name).toBe('attention');
    // Queries and keys, weights and values: 2 · 8192 · 8832 · 3072.
    expect(whole.macs).toBe(2 * 8192 * 8832 * 3072);
    const cut = longestDispatch(manifest, 1024, 1024, 40);
    expect(cut.chunked).toBe(false);
    expect(cut.macs).toBe(8192 * 3072 * 3072);
  });
});
