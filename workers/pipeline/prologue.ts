/**
 * Everything of the DiT that does not depend on the latents: text stream and modulation of every block for all steps
 * at once. The big pack spends a quarter of its weights here, and each is read once a photo instead of once a step.
 */
import { EngineError } from '../errors.ts';
import type { Tensor } from './backend.ts';
import type { Calls } from './calls.ts';
import { callKind, waitKind } from './chain.ts';
import type { BranchCondition } from './conditioning.ts';
import { type TensorScope, withScope } from './scope.ts';
import { sinusoid, TIME_FEATURES } from './sinusoid.ts';

export interface Prologue {
  /** float32 `[1, T, hidden]`, one for all steps or one a step. */
  readonly txt: readonly Tensor[];
  /** Modulation `[S, k · hidden]` by instance id: "double.0.img_mod", "single.3.mod", "final.mod", … */
  readonly mods: ReadonlyMap<string, Tensor>;
}

/** Ids of the modulation instances of a pack. */
export function modInstances(double: number, single: number): string[] {
  return [
    ...Array.from({ length: double }, (_, i) => [`double.${i}.img_mod`, `double.${i}.txt_mod`]).flat(),
    ...Array.from({ length: single }, (_, i) => `single.${i}.mod`),
    'final.mod',
  ];
}

/**
 * @param times timesteps of the job without the closing 0
 * @param condition of one branch; its tensors stay the caller's
 * @param scope owns the result's tensors
 */
export async function makePrologue(
  calls: Calls,
  condition: BranchCondition,
  times: readonly number[],
  scope: TensorScope,
): Promise<Prologue> {
  const { family } = calls.manifest;
  return withScope(async (inner) => {
    const time = calls.upload(inner, 'float32', [times.length, TIME_FEATURES], sinusoid(times));
    const guidance =
      family.guidanceEmbed === null
        ? {}
        : { guidance: calls.upload(inner, 'float32', [1, TIME_FEATURES], sinusoid([family.guidanceEmbed])) };
    const pooled = await stackPooled(calls, condition, inner);
    const { vec } = await calls.run('vec', { time, pooled, ...guidance }, inner, callKind('vec', ''));
    if (!vec) throw new EngineError('pack-damaged', 'vec without output');

    const txt: Tensor[] = [];
    for (const { context } of condition) {
      const outputs = await calls.run('context', { context }, scope, callKind('context', ''));
      if (outputs.txt) txt.push(outputs.txt);
    }
    const mods = new Map<string, Tensor>();
    for (const id of modInstances(family.double, family.single)) {
      const { mod } = await calls.run(id, { vec }, scope, callKind('mod', ''));
      if (mod) mods.set(id, mod);
    }
    return { txt, mods };
  });
}

/** `[1, pooledDim]` where one serves all steps, else the steps' rows stacked to `[S, pooledDim]`. */
async function stackPooled(calls: Calls, condition: BranchCondition, scope: TensorScope): Promise<Tensor> {
  const [first, second] = condition;
  if (!first) throw new EngineError('internal', 'no condition');
  if (!second) return first.pooled;
  const width = calls.manifest.family.pooledDim;
  const rows = new Float32Array(condition.length * width);
  for (const [step, { pooled }] of condition.entries())
    rows.set(await calls.download(pooled, waitKind('pooled', '')), step * width);
  return calls.upload(scope, 'float32', [condition.length, width], rows);
}
