/** Dimensions of graph ports as the manifest writes them ("n", "H/8", "h*8", "r*2+1"), taken apart. Grammar: `manifest.ts`, `dim`. */
import { EngineError } from '../errors.ts';
import type { Port } from './manifest.ts';

/** symbol · times / over + plus */
export interface Term {
  readonly symbol: string;
  readonly times: number;
  readonly over: number;
  readonly plus: number;
}

/** @throws EngineError 'pack-damaged' for text that is not a dimension, or one that multiplies or divides by 0 */
export function parseDim(dim: string): Term {
  const match = /^([A-Za-z]+)(?:([*/])(\d{1,3}))?(?:\+(\d{1,3}))?$/.exec(dim);
  const symbol = match?.[1];
  if (!match || !symbol) throw new EngineError('pack-damaged', `not a dimension: ${dim}`);
  const factor = match[3] === undefined ? 1 : Number(match[3]);
  if (factor === 0) throw new EngineError('pack-damaged', `not a dimension: ${dim}`);
  const plus = Number(match[4] ?? 0);
  return match[2] === '/' ? { symbol, times: 1, over: factor, plus } : { symbol, times: factor, over: 1, plus };
}

/** The first axis of a shape that a symbol sizes, with the term; null where none is. */
export function axisOf({ shape }: Pick<Port, 'shape'>, symbol: string): { axis: number; term: Term } | null {
  for (const [axis, dim] of shape.entries()) {
    if (typeof dim === 'number') continue;
    const term = parseDim(dim);
    if (term.symbol === symbol) return { axis, term };
  }
  return null;
}
