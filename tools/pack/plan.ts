/** What a pack consists of, for each family: graphs, instances, and the manifest's head. */
import type { PackConfig } from './config.ts';
import type { Plan } from './plan-parts.ts';
import { smallPlan } from './plan-small.ts';
import { step1xPlan } from './plan-step1x.ts';

export function planFor(c: PackConfig): Plan {
  return c.family === 'restoration-small' ? smallPlan(c) : step1xPlan(c);
}
