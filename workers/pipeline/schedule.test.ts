import { describe, expect, it } from 'vitest';
import { mu, timesteps } from './schedule.ts';

const linearMu = {
  kind: 'linear-mu',
  baseShift: 0.5,
  maxShift: 1.15,
  baseTokens: 256,
  maxTokens: 4096,
} as const;

/** Reference tables at 4096 target tokens, 28 steps to 6 decimals and 16 steps to 5. */
const TABLE_28 = [
  1, 0.988409, 0.976222, 0.963394, 0.949873, 0.935599, 0.920509, 0.904531, 0.887583, 0.869576, 0.850406, 0.829956,
  0.808095, 0.784672, 0.759511, 0.732413, 0.703145, 0.671435, 0.636964, 0.599357, 0.558163, 0.512844, 0.462748,
  0.407078, 0.344849, 0.274828, 0.195455, 0.104721, 0,
];
const TABLE_16 = [
  1, 0.97933, 0.95672, 0.93191, 0.90453, 0.87418, 0.84035, 0.80239, 0.75951, 0.71068, 0.65457, 0.58941, 0.51284,
  0.42157, 0.3109, 0.17393, 0,
];

describe('timesteps', () => {
  it('agree with the reference at 28 steps to 1e-6', () => {
    const times = timesteps(linearMu, 28, 4096);
    expect(times).toHaveLength(29);
    TABLE_28.forEach((expected, k) => {
      expect(Math.abs((times[k] ?? 9) - expected)).toBeLessThan(1e-6);
    });
  });

  it('agree with the reference at 16 steps to the 5 decimals of its table', () => {
    const times = timesteps(linearMu, 16, 4096);
    expect(times).toHaveLength(17);
    TABLE_16.forEach((expected, k) => {
      expect(Math.abs((times[k] ?? 9) - expected)).toBeLessThan(5.1e-6);
    });
  });

  it('have the shift of the token count, unclamped', () => {
    expect(mu(linearMu, 4096)).toBeCloseTo(1.15, 12);
    expect(mu(linearMu, 4015)).toBeCloseTo(1.1363, 4);
    expect(mu(linearMu, 2304)).toBeCloseTo(0.8467, 4);
    expect(mu(linearMu, 1024)).toBeCloseTo(0.63, 12);
    expect(mu(linearMu, 8192)).toBeGreaterThan(1.8);
  });

  it('count the steps above 0.93 as the reference does', () => {
    const above = (steps: number, tokens: number) => timesteps(linearMu, steps, tokens).filter((t) => t > 0.93).length;
    expect([4096, 2304, 1024].map((g) => above(28, g))).toEqual([6, 5, 4]);
    expect([4096, 2304, 1024].map((g) => above(16, g))).toEqual([4, 3, 2]);
    expect([4096, 2304, 1024].map((g) => above(12, g))).toEqual([3, 2, 2]);
    expect([4096, 2304, 1024].map((g) => above(8, g))).toEqual([2, 2, 1]);
  });

  it('are evenly spaced where linear', () => {
    expect(timesteps({ kind: 'linear' }, 4, 99)).toEqual([1, 0.75, 0.5, 0.25, 0]);
    expect(timesteps({ kind: 'linear' }, 1, 99)).toEqual([1, 0]);
  });

  it('refuse a step count that is none', () => {
    expect(() => timesteps({ kind: 'linear' }, 0, 1)).toThrow(RangeError);
    expect(() => timesteps({ kind: 'linear' }, 1.5, 1)).toThrow(RangeError);
  });
});
