import { channel, combine, filter, mean, mustMatch, type Picture, type Plane } from './image.ts';

const SIDE = 11;
const SIGMA = 1.5;
const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

const weights = gaussian();

function gaussian(): number[] {
  const raw = Array.from({ length: SIDE }, (_, i) => Math.exp(-((i - (SIDE - 1) / 2) ** 2) / (2 * SIGMA ** 2)));
  const sum = raw.reduce((a, b) => a + b, 0);
  return raw.map((value) => value / sum);
}

/**
 * Structural similarity, at most 1: Wang, Bovik, Sheikh and Simoncelli 2004, window of 11 × 11 px, Gaussian of 1.5 px, K of
 * .01 and .03, the mean over the pixels whose window lies inside, then over R, G and B.
 *
 * @throws RangeError when the sizes differ or a side is shorter than the window
 */
export function ssim(a: Picture, b: Picture): number {
  mustMatch(a, b);
  if (Math.min(a.width, a.height) < SIDE) throw new RangeError(`smaller than ${SIDE} px`);
  return [0, 1, 2].reduce((sum, index) => sum + ofPlanes(channel(a, index), channel(b, index)), 0) / 3;
}

function ofPlanes(a: Plane, b: Plane): number {
  const blur = (plane: Plane) => filter(plane, weights, weights).values;
  const product = (left: Plane, right: Plane) => blur(combine(left, right, (x, y) => x * y));
  const [meanA, meanB] = [blur(a), blur(b)];
  const [squareA, squareB, cross] = [product(a, a), product(b, b), product(a, b)];
  return mean(
    meanA.map((ma, i) => {
      const mb = meanB[i] ?? 0;
      const varianceA = (squareA[i] ?? 0) - ma * ma;
      const varianceB = (squareB[i] ?? 0) - mb * mb;
      const covariance = (cross[i] ?? 0) - ma * mb;
      return ((2 * ma * mb + C1) * (2 * covariance + C2)) / ((ma * ma + mb * mb + C1) * (varianceA + varianceB + C2));
    }),
  );
}
