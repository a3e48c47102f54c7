/** Progress as a person sees it: it only goes forward, and time left does not jump about. */
import type { Progress } from '../../../workers/protocol.ts';

/** A new estimate of the time left counts for this much: the rest is what was shown before. */
const FRESH = 0.4;

/** Joins what was shown with what the engine says now; the fraction never falls. */
export function monotone(shown: Progress | null, next: Progress): Progress {
  if (!shown) return { ...next, fraction: clamp01(next.fraction) };
  const fraction = Math.max(shown.fraction, clamp01(next.fraction));
  const behind = next.fraction < shown.fraction;
  // While the engine catches up (a job begun again with smaller tiles) the step and tile shown stay where they were.
  const place = behind ? shown : next;
  return { ...place, fraction, secondsLeft: smooth(shown.secondsLeft, next.secondsLeft) };
}

function smooth(before: number | null, now: number | null): number | null {
  if (now === null || !Number.isFinite(now)) return before;
  return before === null ? now : before + FRESH * (now - before);
}

const clamp01 = (value: number): number => Math.min(1, Math.max(0, Number.isFinite(value) ? value : 0));

export type TimeLeft = { unit: 'seconds' | 'minutes'; count: number } | { unit: 'soon' };

/** Rounded so that the number is steady: 5 s steps above 20 s, whole minutes above 90 s. */
export function timeLeft(seconds: number | null): TimeLeft | null {
  if (seconds === null || !Number.isFinite(seconds) || seconds < 0) return null;
  if (seconds < 1.5) return { unit: 'soon' };
  if (seconds <= 20) return { unit: 'seconds', count: Math.round(seconds) };
  if (seconds <= 90) return { unit: 'seconds', count: Math.ceil(seconds / 5) * 5 };
  return { unit: 'minutes', count: Math.ceil(seconds / 60) };
}

/** How long a job will take, in the unit that people would use. */
export function duration(seconds: number): { unit: 'seconds' | 'minutes' | 'hours'; count: number } {
  if (seconds <= 90) return { unit: 'seconds', count: Math.max(1, Math.round(seconds)) };
  if (seconds <= 90 * 60) return { unit: 'minutes', count: Math.round(seconds / 60) };
  return { unit: 'hours', count: Math.round(seconds / 3600) };
}
