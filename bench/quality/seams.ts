/** How much tiles show. Pure; all differences in levels of 0..255. */
import { luma, type Picture, type Plane } from './metrics/image.ts';

/** What `a` has and `b` has not, as luma. */
export function difference(a: Picture, b: Picture): Plane {
  const [left, right] = [luma(a), luma(b)];
  return { ...left, values: left.values.map((value, i) => value - (right.values[i] ?? 0)) };
}

function transposed({ width, height, values }: Plane): Plane {
  const out = new Float64Array(values.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) out[x * height + y] = values[y * width + x] as number;
  return { width: height, height: width, values: out };
}

/** Gaussian along rows with weights that are cut at 3 sigma and at the edges, and add up to 1 everywhere. */
function blurRows({ width, height, values }: Plane, sigma: number): Plane {
  const reach = Math.ceil(3 * sigma);
  const weights = Float64Array.from({ length: reach + 1 }, (_, d) => Math.exp(-(d * d) / (2 * sigma * sigma)));
  const out = new Float64Array(values.length);
  for (let x = 0; x < width; x++) {
    const [from, to] = [Math.max(0, x - reach), Math.min(width - 1, x + reach)];
    let total = 0;
    for (let k = from; k <= to; k++) total += weights[Math.abs(k - x)] as number;
    for (let y = 0; y < height; y++) {
      let sum = 0;
      for (let k = from; k <= to; k++) sum += (weights[Math.abs(k - x)] as number) * (values[y * width + k] as number);
      out[y * width + x] = sum / total;
    }
  }
  return { width, height, values: out };
}

/** Gaussian of `sigma` px in both directions. */
export function lowPass(plane: Plane, sigma: number): Plane {
  return transposed(blurRows(transposed(blurRows(plane, sigma)), sigma));
}

/**
 * The largest step of a plane across borders, from `reach` px before to `reach` px behind.
 *
 * @param borders where cores of tiles meet, px
 */
export function stepAcross(
  plane: Plane,
  borders: { x: readonly number[]; y: readonly number[] },
  reach: number,
): number {
  const along = ({ width, height, values }: Plane, places: readonly number[]) =>
    places.flatMap((place) => {
      const [before, behind] = [Math.max(0, place - reach), Math.min(width - 1, place + reach)];
      return Array.from({ length: height }, (_, y) =>
        Math.abs((values[y * width + behind] as number) - (values[y * width + before] as number)),
      );
    });
  const steps = [...along(plane, borders.x), ...along(transposed(plane), borders.y)];
  return steps.reduce((most, step) => Math.max(most, step), 0);
}

export interface LineExcesses {
  readonly borders: readonly number[];
  /** Of lines of tokens whose neighbours are no borders either. */
  readonly inside: readonly number[];
}

/** Lines on either side that a line is compared with. */
const BESIDE = [-4, -3, -2, -1, 1, 2, 3, 4];

/**
 * How much more neighbouring pixels of a plane differ at a line than around it: the mean of |difference| over the line less that
 * over the lines 1 to 4 units on either side; of the lines where tiles meet, and of those inside of tiles. Borders lie on the
 * grid of the tokens, where neighbours may differ more than between: only lines of that grid tell tiles from tokens.
 *
 * @param unit px of a token
 */
export function lineExcesses(
  plane: Plane,
  borders: { x: readonly number[]; y: readonly number[] },
  unit: number,
): LineExcesses {
  const found: { borders: number[]; inside: number[] } = { borders: [], inside: [] };
  const add = (along: Plane, places: readonly number[]) => {
    const jumps = jumpsOf(along);
    const excess = (place: number) => {
      const beside = BESIDE.map((d) => jumps[place + d * unit]).filter((jump) => jump !== undefined);
      return (jumps[place] ?? 0) - beside.reduce((sum, jump) => sum + jump, 0) / beside.length;
    };
    found.borders.push(...places.map(excess));
    for (let place = 4 * unit; place < along.width - 4 * unit; place += unit) {
      if (places.every((border) => Math.abs(border - place) > 4 * unit)) found.inside.push(excess(place));
    }
  };
  add(plane, borders.x);
  add(transposed(plane), borders.y);
  return found;
}

/** Mean of |difference| of each column to the one before; none for the first. */
function jumpsOf({ width, height, values }: Plane): (number | undefined)[] {
  return Array.from({ length: width }, (_, x) => {
    if (x === 0) return undefined;
    let sum = 0;
    for (let y = 0; y < height; y++)
      sum += Math.abs((values[y * width + x] as number) - (values[y * width + x - 1] as number));
    return sum / height;
  });
}
