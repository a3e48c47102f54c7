/** Where the network that proposes a task looks. Pure. */
import type { Rect } from './latents.ts';

/** JPEG's blocks begin at multiples of this; their edges then lie in the same places of every crop. */
const GRID = 8;

/**
 * Crops of `side` px at native resolution: an even grid over the photo, two lines along its shorter side (4 × 2 for
 * landscape and square photos and 8 crops), each rounded down to a multiple of 8 px. Where the photo is smaller than a
 * crop they begin at 0 and reach beyond it.
 *
 * @param count a multiple of 4
 * @returns `count` squares, line by line
 */
export function cropPlaces(width: number, height: number, side: number, count: number): Rect[] {
  const long = count / 2;
  const [columns, rows] = width >= height ? [long, 2] : [2, long];
  const xs = starts(width, side, columns);
  const ys = starts(height, side, rows);
  return ys.flatMap((y) => xs.map((x) => ({ x, y, width: side, height: side })));
}

function starts(length: number, side: number, count: number): number[] {
  const room = Math.max(0, length - side);
  return Array.from({ length: count }, (_, i) => GRID * Math.floor((i * room) / (count - 1) / GRID));
}

/**
 * The places without repeats where each is there equally often, else all of them: mean and max over the crops are the
 * same, and small photos cost less.
 */
export function withoutRepeats(places: readonly Rect[]): readonly Rect[] {
  const counts = new Map<string, { place: Rect; count: number }>();
  for (const place of places) {
    const key = `${place.x},${place.y}`;
    const known = counts.get(key);
    counts.set(key, { place, count: (known?.count ?? 0) + 1 });
  }
  const found = [...counts.values()];
  return found.every(({ count }) => count === found[0]?.count) ? found.map(({ place }) => place) : places;
}
