/**
 * Timesteps of a job: t falls from 1 (noise) to 0 (clean), `steps + 1` values.
 * Source: the reference scheduler (flow matching with Euler steps and a resolution-dependent shift).
 */
import type { ScheduleSpec } from '../packs/manifest.ts';

/**
 * @param spec which schedule, from the manifest
 * @param steps Euler steps, at least 1
 * @param targetTokens image tokens of the target alone (reference tokens don't count), see `tokens.ts`
 * @returns `steps + 1` values, strictly falling from 1 to 0
 */
export function timesteps(spec: ScheduleSpec, steps: number, targetTokens: number): number[] {
  if (!Number.isInteger(steps) || steps < 1) throw new RangeError(`steps must be a positive integer, not ${steps}`);
  const shift = shiftOf(spec, targetTokens);
  return Array.from({ length: steps + 1 }, (_, k) => {
    // shift / (shift + 1/tau - 1), multiplied through by tau so that tau = 0 gives 0.
    const tau = 1 - k / steps;
    return (shift * tau) / (1 + (shift - 1) * tau);
  });
}

/**
 * e^mu of `linear-mu`, where mu is linear in the number of target tokens and not clamped; 1 for `linear`,
 * which makes the formula above the identity.
 */
function shiftOf(spec: ScheduleSpec, targetTokens: number): number {
  return spec.kind === 'linear' ? 1 : Math.exp(mu(spec, targetTokens));
}

/** mu = base + (max - base) / (maxTokens - baseTokens) · (tokens - baseTokens). */
export function mu(spec: Extract<ScheduleSpec, { kind: 'linear-mu' }>, targetTokens: number): number {
  const slope = (spec.maxShift - spec.baseShift) / (spec.maxTokens - spec.baseTokens);
  return spec.baseShift + slope * (targetTokens - spec.baseTokens);
}
