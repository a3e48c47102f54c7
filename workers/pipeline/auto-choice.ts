/** From the logits of the network that proposes a task to what a job does with them. Pure. */
import { type AutoSpec, CLEAN, type PhotoClass, type TaskId } from '../packs/manifest.ts';

/** What the pack proposes for a photo. */
export interface Proposal {
  /** Probabilities by class, the likeliest first; they add up to 1. */
  readonly classes: readonly { readonly id: PhotoClass; readonly probability: number }[];
  /** The likeliest class. */
  readonly top: PhotoClass;
  /** Its probability. */
  readonly sure: number;
  /** The likeliest task: `top`, unless that is clean. */
  readonly task: TaskId;
  /** What a job that follows the proposal keeps of its change, 0 to 1; 0 leaves the photo as it is. */
  readonly strength: number;
}

/** Probabilities of logits, computed in float64 and safe for large ones. */
export function softmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const most = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/**
 * A clean photo is left alone. A proposal that is sure enough is taken whole. In between, the result is the mean of the
 * two pictures that it may be, the restored one with the weight p(task) / (p(task) + p(clean)): of all blends that has the
 * least expected squared error.
 *
 * @param logits one a class of `spec.classes`
 * @throws RangeError when their number is wrong or one is not finite
 */
export function choose(spec: Pick<AutoSpec, 'classes' | 'threshold'>, logits: ArrayLike<number>): Proposal {
  if (logits.length !== spec.classes.length || !Array.from(logits).every(Number.isFinite)) {
    throw new RangeError(`${logits.length} logits, or one that is no number, for ${spec.classes.length} classes`);
  }
  const probabilities = softmax(logits);
  const classes = spec.classes
    .map((id, i) => ({ id, probability: probabilities[i] ?? 0 }))
    .sort((a, b) => b.probability - a.probability);
  const [best] = classes;
  const task = classes.find(({ id }) => id !== CLEAN);
  if (!best || !task || task.id === CLEAN) throw new RangeError('no task among the classes');
  const clean = classes.find(({ id }) => id === CLEAN)?.probability ?? 0;
  const blend = task.probability / (task.probability + clean);
  const strength = best.id === CLEAN ? 0 : task.probability >= spec.threshold ? 1 : blend;
  return { classes, top: best.id, sure: best.probability, task: task.id, strength };
}
