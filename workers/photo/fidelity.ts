/** How much a result differs from what it was made of: numbers, and a map of where. Pure. */
import { fitInto } from './rgba.ts';

export interface Fidelity {
  /** dB over all three channels, peak 255; null for equal pictures. */
  readonly psnr: number | null;
  /** Structural similarity of luma, -1 to 1; 1 for equal pictures. */
  readonly ssim: number;
  /** Share of pixels with a channel that changed by more than `SEEN` levels, 0 to 1. */
  readonly changed: number;
  /** The largest change of a channel, in levels of 255. */
  readonly most: number;
}

/** A change of up to this many levels is less than a screen shows. */
export const SEEN = 2;
/** dB; above it two pictures look alike side by side: a root mean square of 1.3 levels. */
const ALIKE = 46;
const WINDOW = 8;
/** Wang, Bovik, Sheikh, Simoncelli 2004: (0.01 · 255)² and (0.03 · 255)². */
const C1 = 6.5025;
const C2 = 58.5225;

const lumaAt = (rgb: Uint8Array, at: number): number =>
  0.299 * (rgb[at] as number) + 0.587 * (rgb[at + 1] as number) + 0.114 * (rgb[at + 2] as number);

/**
 * SSIM over windows of 8 × 8 px that lie side by side, with equal weights (the paper slides a Gaussian one; on photos both
 * agree to about 0.01). Windows at the right and bottom edge are cut off where they would reach beyond.
 *
 * @param before @param after 8-bit RGB of the same size
 */
export function fidelityOf(before: Uint8Array, after: Uint8Array, width: number, height: number): Fidelity {
  let squares = 0;
  let changed = 0;
  let most = 0;
  for (let at = 0; at < before.length; at += 3) {
    const r = Math.abs((before[at] as number) - (after[at] as number));
    const g = Math.abs((before[at + 1] as number) - (after[at + 1] as number));
    const b = Math.abs((before[at + 2] as number) - (after[at + 2] as number));
    squares += r * r + g * g + b * b;
    const largest = Math.max(r, g, b);
    if (largest > SEEN) changed++;
    if (largest > most) most = largest;
  }
  let similarity = 0;
  let windows = 0;
  for (let y = 0; y < height; y += WINDOW) {
    for (let x = 0; x < width; x += WINDOW) {
      similarity += windowSimilarity(
        before,
        after,
        width,
        x,
        y,
        Math.min(width, x + WINDOW),
        Math.min(height, y + WINDOW),
      );
      windows++;
    }
  }
  return {
    psnr: squares === 0 ? null : 10 * Math.log10((255 * 255 * before.length) / squares),
    ssim: similarity / windows,
    changed: changed / (width * height),
    most,
  };
}

/** Whether a job changed less than a person sees. `before` and `after`: 8-bit RGB of the same size. */
export function barelyChanged(before: Uint8Array, after: Uint8Array): boolean {
  const bearable = (255 * 255 * before.length) / 10 ** (ALIKE / 10);
  let squares = 0;
  for (let at = 0; at < before.length && squares < bearable; at++) {
    squares += ((before[at] as number) - (after[at] as number)) ** 2;
  }
  return squares < bearable;
}

function windowSimilarity(
  before: Uint8Array,
  after: Uint8Array,
  width: number,
  left: number,
  top: number,
  right: number,
  bottom: number,
): number {
  let [a, b, aa, bb, ab] = [0, 0, 0, 0, 0];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const at = 3 * (y * width + x);
      const one = lumaAt(before, at);
      const other = lumaAt(after, at);
      a += one;
      b += other;
      aa += one * one;
      bb += other * other;
      ab += one * other;
    }
  }
  const count = (right - left) * (bottom - top);
  const [ma, mb] = [a / count, b / count];
  const [va, vb, cov] = [aa / count - ma * ma, bb / count - mb * mb, ab / count - ma * mb];
  return ((2 * ma * mb + C1) * (2 * cov + C2)) / ((ma * ma + mb * mb + C1) * (va + vb + C2));
}

/** Levels of change at which the map is at its strongest. */
const FULL = 48;
/** From nothing to the most: clear, violet, orange, yellow; rising in lightness, so that it reads without colours too. */
const STOPS = [
  [20, 8, 60, 0],
  [90, 20, 120, 150],
  [214, 72, 68, 205],
  [252, 160, 30, 230],
  [250, 250, 140, 245],
] as const;

/** The largest change under each drawn pixel as RGBA, at most `maxSide` px a side. */
export function heatMap(before: Uint8Array, after: Uint8Array, width: number, height: number, maxSide: number) {
  const size = fitInto(width, height, maxSide);
  const rgba = new Uint8ClampedArray(4 * size.width * size.height);
  for (let y = 0; y < size.height; y++) {
    const [top, bottom] = [Math.floor((y * height) / size.height), Math.floor(((y + 1) * height) / size.height)];
    for (let x = 0; x < size.width; x++) {
      const [left, right] = [Math.floor((x * width) / size.width), Math.floor(((x + 1) * width) / size.width)];
      let most = 0;
      for (let row = top; row < bottom; row++) {
        for (let at = 3 * (row * width + left), end = 3 * (row * width + right); at < end; at++) {
          most = Math.max(most, Math.abs((before[at] as number) - (after[at] as number)));
        }
      }
      paint(rgba, 4 * (y * size.width + x), Math.min(1, Math.max(0, most - SEEN) / FULL));
    }
  }
  return { ...size, rgba };
}

function paint(rgba: Uint8ClampedArray, at: number, share: number): void {
  const place = Math.sqrt(share) * (STOPS.length - 1);
  const low = Math.min(STOPS.length - 2, Math.floor(place));
  const [from, to] = [STOPS[low], STOPS[low + 1]];
  if (!from || !to) return;
  for (let c = 0; c < 4; c++)
    rgba[at + c] = (from[c] as number) + ((to[c] as number) - (from[c] as number)) * (place - low);
}
