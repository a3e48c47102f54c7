import { expect, it } from 'vitest';
import { percentile } from './percentile.ts';

it('gives the value that a share of all does not exceed', () => {
  const values = Array.from({ length: 200 }, (_, i) => (i * 37) % 200);
  expect([0, 0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([0, 99, 197, 199]);
  expect(percentile([], 0.5)).toBeNaN();
});
