import { describe, expect, it } from 'vitest';
import type { Plane } from './metrics/image.ts';
import { lineExcesses, lowPass, stepAcross } from './seams.ts';

function plane(width: number, height: number, value: (x: number, y: number) => number): Plane {
  const values = Float64Array.from({ length: width * height }, (_, i) => value(i % width, Math.floor(i / width)));
  return { width, height, values };
}

describe('seams', () => {
  it('blurring leaves a flat plane flat and turns a step into a normal distribution', () => {
    const flat = lowPass(
      plane(40, 30, () => 3),
      8,
    );
    expect(Math.max(...flat.values.map((v) => Math.abs(v - 3)))).toBeLessThan(1e-12);
    const [sigma, width] = [6, 120];
    const step = lowPass(
      plane(width, 4, (x) => (x < 60 ? 0 : 1)),
      sigma,
    );
    // The step lies at 59.5: one sigma further the share below is Φ(1) = .8413; sampled and cut at 3 sigma.
    expect(((step.values[65] as number) + (step.values[66] as number)) / 2).toBeCloseTo(0.8413, 2);
  });

  it('finds the step across a border of either direction, and none where there is no border', () => {
    const upright = plane(64, 48, (x) => (x < 30 ? 0 : 2));
    expect(stepAcross(upright, { x: [30], y: [] }, 8)).toBe(2);
    expect(stepAcross(upright, { x: [], y: [24] }, 8)).toBe(0);
    const lying = plane(64, 48, (_, y) => (y < 24 ? 0 : -5));
    expect(stepAcross(lying, { x: [30], y: [24] }, 8)).toBe(5);
  });

  const worst = (values: readonly number[]) => Math.max(...values);

  it('tells a seam from texture', () => {
    const texture = (x: number, y: number) => ((x * 7 + y * 13) % 5) - 2;
    const even = lineExcesses(plane(64, 48, texture), { x: [31], y: [20] }, 2);
    expect([even.borders.length, even.inside.length > 10]).toEqual([2, true]);
    expect(worst(even.borders)).toBeLessThan(0.6);
    const broken = lineExcesses(
      plane(64, 48, (x, y) => texture(x, y) + (x < 31 ? 0 : 40)),
      { x: [31], y: [] },
      2,
    );
    expect(worst(broken.borders)).toBeGreaterThan(35);
    expect(worst(broken.inside)).toBeLessThan(0.6);
  });

  it('a step at every token is no seam; a larger one at a border is, and one inside counts for the inside', () => {
    const tokens = (x: number) => 3 * (Math.floor(x / 8) % 2);
    const borders = { x: [96], y: [] };
    const of = (value: (x: number) => number) => lineExcesses(plane(192, 8, value), borders, 8);
    expect(worst(of(tokens).borders)).toBeCloseTo(0, 9);
    const seam = of((x) => tokens(x) - (x < 96 ? 0 : 2));
    expect(worst(seam.borders)).toBeCloseTo(2, 9);
    expect(worst(seam.inside)).toBeCloseTo(0, 9);
    const line = of((x) => tokens(x) - (x < 48 ? 0 : 2));
    expect(worst(line.borders)).toBeCloseTo(0, 9);
    expect(worst(line.inside)).toBeCloseTo(2, 9);
  });
});
