/** What a pack consists of, for each family: graphs, instances, and the manifest's head. */
import type { PackConfig } from './config.ts';
import type { Plan } from './plan-parts.ts';
import { smallPlan } from './plan-small.ts';
import { step1xPlan } from './plan-step1x.ts';

/** Prompts that a pack with a text encoder can be given: those of its tasks, or any. */
export const PROMPT_KINDS = ['tasks', 'any'] as const;
export type PromptKind = (typeof PROMPT_KINDS)[number];

export function planFor(c: PackConfig, prompts: PromptKind = 'tasks'): Plan {
  return c.family === 'restoration-small' ? smallPlan(c) : step1xPlan(c, prompts === 'any');
}
