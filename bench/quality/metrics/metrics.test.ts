/** Against closed forms, and against scikit-image 0.26 and SciPy 1.17 on drawn pictures (values computed once, below). */
import { describe, expect, it } from 'vitest';
import { gmsd } from './gmsd.ts';
import type { Picture } from './image.ts';
import { psnr, SAME } from './psnr.ts';
import { ssim } from './ssim.ts';

const [WIDTH, HEIGHT] = [40, 28];

/** Bytes of a linear congruential generator, which the reference drew as well. */
function drawn(seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: 3 * WIDTH * HEIGHT }, () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

function picture(level: (x: number, y: number) => number, width = WIDTH, height = HEIGHT): Picture {
  const rgb = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return level(pixel % width, Math.floor(pixel / width));
  });
  return { width, height, rgb };
}

const a: Picture = { width: WIDTH, height: HEIGHT, rgb: drawn(1) };
const other = drawn(2);
/** Three quarters of `a` and a quarter of another picture. */
const b: Picture = { ...a, rgb: a.rgb.map((v, i) => Math.floor((v * 3) / 4) + Math.floor((other[i] ?? 0) / 4)) };

describe('PSNR', () => {
  it('of a constant difference of d levels is 20 log10(255 / d)', () => {
    expect(
      psnr(
        picture(() => 100),
        picture(() => 116),
      ),
    ).toBeCloseTo(20 * Math.log10(255 / 16), 10);
  });

  it('is that of scikit-image', () => {
    expect(psnr(a, b)).toBeCloseTo(19.72341157844124, 10);
  });

  it('of a picture to itself is the most there is', () => {
    expect(psnr(a, a)).toBe(SAME);
  });

  it('refuses other sizes', () => {
    expect(() =>
      psnr(
        a,
        picture(() => 0, HEIGHT, WIDTH),
      ),
    ).toThrow(RangeError);
  });
});

describe('SSIM', () => {
  it('of flat pictures is the term of the means', () => {
    const [p, q, c1] = [60, 90, (0.01 * 255) ** 2];
    expect(
      ssim(
        picture(() => p),
        picture(() => q),
      ),
    ).toBeCloseTo((2 * p * q + c1) / (p * p + q * q + c1), 10);
  });

  it('is that of scikit-image with a Gaussian window', () => {
    expect(ssim(a, b)).toBeCloseTo(0.9213462471707521, 9);
    expect(ssim(a, a)).toBeCloseTo(1, 12);
  });

  it('does not mind which comes first', () => {
    expect(ssim(a, b)).toBeCloseTo(ssim(b, a), 12);
  });
});

describe('GMSD', () => {
  it('of ramps is nothing: their gradients are alike everywhere, only weaker', () => {
    expect(
      gmsd(
        picture((x) => 6 * x),
        picture((x) => 3 * x),
      ),
    ).toBeCloseTo(0, 12);
  });

  it('of a picture that is a ramp on the left and flat on the right is the spread of two similarities', () => {
    // Halving doubles the slope, Prewitt's kernel spans two of its steps: the gradient is 4 times the slope.
    const [slopeA, slopeB, c] = [6, 3, 170];
    const similarity = (2 * (4 * slopeA) * (4 * slopeB) + c) / ((4 * slopeA) ** 2 + (4 * slopeB) ** 2 + c);
    const width = 42;
    const half = (slope: number) => picture((x) => (x < width / 2 ? slope * x : slope * (width / 2 - 1)), width, 28);
    // 21 columns after halving, 19 after the filter: 9 on the ramp, 8 on the flat, and the 2 of the bend.
    const spread = gmsd(half(slopeA), half(slopeB));
    expect(spread).toBeGreaterThan(0.4 * (1 - similarity));
    expect(spread).toBeLessThan(0.5 * (1 - similarity));
  });

  it('is that of the same formula in SciPy', () => {
    expect(gmsd(a, b)).toBeCloseTo(0.06108911589717377, 9);
    expect(gmsd(a, a)).toBe(0);
  });
});
