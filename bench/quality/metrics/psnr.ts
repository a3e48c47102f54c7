import { mustMatch, type Picture } from './image.ts';

/** Two pictures that are the same have no PSNR; this stands for it, in dB. */
export const SAME = 60;

/**
 * Peak signal-to-noise ratio over all pixels and channels, 10 · log10(255² / MSE), dB; at most `SAME`.
 *
 * @throws RangeError when the sizes differ
 */
export function psnr(a: Picture, b: Picture): number {
  mustMatch(a, b);
  let sum = 0;
  for (let i = 0; i < a.rgb.length; i++) sum += ((a.rgb[i] ?? 0) - (b.rgb[i] ?? 0)) ** 2;
  return Math.min(SAME, 10 * Math.log10(255 ** 2 / (sum / a.rgb.length)));
}
