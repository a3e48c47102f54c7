import { describe, expect, it } from 'vitest';
import { resample } from './resample.ts';

/** PIL 11's Lanczos on a float picture of 7 × 5 px, (37 · i) mod 256: rows one after the other. */
const SMALLER = [15.063, 78.039, 145.891, 208.866, 20.098, 83.074, 150.926, 213.902, 25.134, 88.109, 155.961, 218.937];
const LARGER_TOP = [-2.801, 11.72, 40.889, 65.268, 86.689, 110.751, 134.813, 156.234, 180.613, 209.781, 224.302];
const LARGER_BOTTOM = [9.698, 24.219, 53.387, 77.766, 99.187, 123.249, 147.311, 168.732, 193.111, 222.28, 236.801];

const grey = (width: number, height: number, at: (i: number) => number) => ({
  width,
  height,
  data: Float32Array.from({ length: 3 * width * height }, (_, i) => at(Math.floor(i / 3))),
});
const channel = ({ data }: { data: Float32Array }, c: number) => [...data].filter((_, i) => i % 3 === c);

function expectNear(values: readonly number[], wanted: readonly number[]): void {
  expect(values.length).toBe(wanted.length);
  for (const [i, value] of values.entries())
    expect(Math.abs(value - (wanted[i] ?? 0)), `value ${i}`).toBeLessThan(2e-3);
}

describe('resample', () => {
  it('gives what PIL gives, smaller and larger', () => {
    const picture = grey(7, 5, (i) => (37 * i) % 256);
    for (const c of [0, 2]) {
      expectNear(channel(resample(picture, 4, 3), c), SMALLER);
      const large = channel(resample(picture, 11, 9), c);
      expectNear(large.slice(0, 11), LARGER_TOP);
      expectNear(large.slice(-11), LARGER_BOTTOM);
    }
  });

  it('keeps a flat picture flat, and a picture of its own size as it is', () => {
    const flat = resample(
      grey(40, 3, () => 200),
      7,
      50,
    );
    expect(Math.max(...flat.data.map((value) => Math.abs(value - 200)))).toBeLessThan(1e-3);
    const picture = grey(6, 4, (i) => i * 7);
    expect(resample(picture, 6, 4).data).toEqual(picture.data);
  });
});
