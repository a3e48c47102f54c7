/**
 * Everything of the DiT that does not depend on the latents: text stream and modulation of every block for all steps
 * at once. The big pack spends a quarter of its weights here: each is read once a photo instead of once a step, and let
 * go before the first step.
 */
import { EngineError } from '../errors.ts';
import type { Tensor } from './backend.ts';
import type { Calls } from './calls.ts';
import { callKind, waitKind } from './chain.ts';
import type { BranchCondition, Condition } from './conditioning.ts';
import { type TensorScope, withScope } from './scope.ts';
import { sinusoid, TIME_FEATURES } from './sinusoid.ts';

/** Of one branch. */
export interface Prologue {
  /** float32 `[1, T, hidden]`, one for all steps or one a step. */
  readonly txt: readonly Tensor[];
  /** int32 `[K]`, for blocks that ask for `text_rows`. */
  readonly textRows: Tensor | null;
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
 * The text streams of a branch.
 *
 * @param condition its contexts stay the caller's, who may drop them afterwards
 * @param scope owns the result's tensors
 */
export async function makeText(
  calls: Calls,
  { conditions, textRows }: BranchCondition,
  scope: TensorScope,
): Promise<Pick<Prologue, 'txt' | 'textRows'>> {
  const txt: Tensor[] = [];
  for (const { context } of conditions) {
    const outputs = await calls.run('context', { context }, scope, callKind('context', ''));
    if (outputs.txt) txt.push(outputs.txt);
  }
  return { txt, textRows: textRows && calls.upload(scope, 'int32', [textRows.length], textRows) };
}

/**
 * The modulation tables of all branches; each linear runs for all of them before the next one is loaded.
 *
 * @param branches only `pooled` of their conditions is read
 * @param times timesteps of the job without the closing 0
 * @param scope owns the result's tensors
 * @returns tables by instance id, one map a branch
 */
export async function makeModulations(
  calls: Calls,
  branches: readonly BranchCondition[],
  times: readonly number[],
  scope: TensorScope,
): Promise<ReadonlyMap<string, Tensor>[]> {
  const { family } = calls.manifest;
  return withScope(async (inner) => {
    const time = calls.upload(inner, 'float32', [times.length, TIME_FEATURES], sinusoid(times));
    const guidance =
      family.guidanceEmbed === null
        ? {}
        : { guidance: calls.upload(inner, 'float32', [1, TIME_FEATURES], sinusoid([family.guidanceEmbed])) };
    const vecs: Tensor[] = [];
    for (const { conditions } of branches) {
      const pooled = await stackPooled(calls, conditions, inner);
      const { vec } = await calls.run('vec', { time, pooled, ...guidance }, inner, callKind('vec', ''));
      if (!vec) throw new EngineError('pack-damaged', 'vec without output');
      vecs.push(vec);
    }
    calls.backend.release('vec');

    const mods = vecs.map(() => new Map<string, Tensor>());
    for (const id of modInstances(family.double, family.single)) {
      for (const [branch, vec] of vecs.entries()) {
        const { mod } = await calls.run(id, { vec }, scope, callKind('mod', ''));
        if (mod) mods[branch]?.set(id, mod);
      }
      calls.backend.release(id);
    }
    return mods;
  });
}

/** `[1, pooledDim]` where one serves all steps, else the steps' rows stacked to `[S, pooledDim]`. */
async function stackPooled(calls: Calls, condition: readonly Condition[], scope: TensorScope): Promise<Tensor> {
  const [first, second] = condition;
  if (!first) throw new EngineError('internal', 'no condition');
  if (!second) return first.pooled;
  const width = calls.manifest.family.pooledDim;
  const rows = new Float32Array(condition.length * width);
  for (const [step, { pooled }] of condition.entries())
    rows.set(await calls.download(pooled, waitKind('pooled', '')), step * width);
  return calls.upload(scope, 'float32', [condition.length, width], rows);
}
