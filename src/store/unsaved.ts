/** Whether the open photo's results would be lost with it. */
import type { Look, PhotoResult } from './resultsSlice.ts';

/** What there was, and what of it was shown, when a result went into a file or to another app. */
export interface Saved {
  results: readonly PhotoResult[];
  current: number | null;
  look: Look;
}

/**
 * Something was made since the last saving, or what is shown was never saved as it is shown. Results that were there then
 * and were not saved were left for the one that was: they are none to ask about.
 *
 * @param look that of the current result
 */
export function isUnsaved(
  results: readonly PhotoResult[],
  current: number | null,
  look: Look,
  saved: readonly Saved[],
): boolean {
  if (results.some((result) => !saved.some((one) => one.results.includes(result)))) return true;
  // The photo itself is shown, or there is nothing at all.
  if (!results.some(({ id }) => id === current)) return false;
  // A mask is another one after each stroke, and the same one again when that is undone.
  return !saved.some(
    (one) => one.current === current && one.look.strength === look.strength && one.look.mask === look.mask,
  );
}
