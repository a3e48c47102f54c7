import { combine, filter, luma, mean, mustMatch, type Picture, type Plane } from './image.ts';

/** Of the paper, for levels in 0..255. */
const C = 170;
const THIRDS = [1 / 3, 1 / 3, 1 / 3];
const SLOPE = [1, 0, -1];

/**
 * Gradient magnitude similarity deviation, 0 for the same picture and larger for worse: Xue, Zhang, Mou and Bovik 2014.
 * Luma, averaged over 2 × 2 px and halved, Prewitt gradients; the standard deviation of their similarity over the pixels
 * whose filter lies inside (the authors' code pads with black).
 *
 * @throws RangeError when the sizes differ
 */
export function gmsd(a: Picture, b: Picture): number {
  mustMatch(a, b);
  const similarity = combine(gradients(a), gradients(b), (x, y) => (2 * x * y + C) / (x * x + y * y + C)).values;
  const middle = mean(similarity);
  return Math.sqrt(mean(similarity.map((value) => (value - middle) ** 2)));
}

function gradients(picture: Picture): Plane {
  const half = halved(luma(picture));
  return combine(filter(half, SLOPE, THIRDS), filter(half, THIRDS, SLOPE), Math.hypot);
}

function halved(plane: Plane): Plane {
  const [width, height] = [plane.width >> 1, plane.height >> 1];
  const at = (x: number, y: number) => plane.values[y * plane.width + x] ?? 0;
  const values = Float64Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [2 * (i % width), 2 * Math.floor(i / width)];
    return (at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1)) / 4;
  });
  return { width, height, values };
}
