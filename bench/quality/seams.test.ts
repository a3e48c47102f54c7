import { describe, expect, it } from 'vitest';
import type { Plane } from './metrics/image.ts';
import { lowPass, seamExcess, stepAcross } from './seams.ts';

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

  it('tells a seam from texture', () => {
    const texture = (x: number, y: number) => ((x * 7 + y * 13) % 5) - 2;
    expect(seamExcess(plane(64, 48, texture), { x: [31], y: [20] }, 2)).toBeLessThan(0.6);
    const broken = plane(64, 48, (x, y) => texture(x, y) + (x < 31 ? 0 : 40));
    expect(seamExcess(broken, { x: [31], y: [] }, 2)).toBeGreaterThan(35);
  });

  it('a step at every token is no seam; a larger one at a border is', () => {
    const tokens = (x: number) => 3 * (Math.floor(x / 8) % 2);
    const borders = { x: [32], y: [] };
    expect(
      seamExcess(
        plane(64, 48, (x) => tokens(x)),
        borders,
        8,
      ),
    ).toBeCloseTo(0, 9);
    expect(
      seamExcess(
        plane(64, 48, (x) => tokens(x) - (x < 32 ? 0 : 2)),
        borders,
        8,
      ),
    ).toBeCloseTo(2, 9);
  });
});
