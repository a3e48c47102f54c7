import { describe, expect, it } from 'vitest';
import { ALL, blendLines, lineShares } from './blend.ts';

describe('lineShares', () => {
  it('is the strength everywhere without a mask', () => {
    const out = new Float32Array(5);
    lineShares({ strength: 0.25, mask: null }, 0, 5, 5, out);
    expect([...out]).toEqual([0.25, 0.25, 0.25, 0.25, 0.25]);
  });

  it('stretches a mask over the photo, linear between its cells and held at the edges', () => {
    const out = new Float32Array(8);
    const mask = { width: 2, height: 2, data: Uint8Array.of(0, 255, 0, 255) };
    lineShares({ strength: 1, mask }, 3, 8, 8, out);
    expect([...out].map((share) => Math.round(8 * share))).toEqual([0, 0, 1, 3, 5, 7, 8, 8]);
  });

  it('takes a mask of the photo’s own size as it is', () => {
    const out = new Float32Array(3);
    const mask = { width: 3, height: 2, data: Uint8Array.of(0, 0, 0, 51, 102, 255) };
    lineShares({ strength: 0.5, mask }, 1, 3, 2, out);
    expect([...out].map((share) => share.toFixed(3))).toEqual(['0.100', '0.200', '0.500']);
  });
});

describe('blendLines', () => {
  const given = Uint8Array.of(0, 0, 0, 10, 20, 30, 100, 100, 100, 0, 0, 0);
  const restored = Uint8Array.of(9, 9, 9, 20, 40, 60, 0, 200, 100, 0, 0, 0);
  const size = { width: 2, height: 2 };

  it('does not copy what is taken whole', () => {
    expect(blendLines(given, restored, ALL, size, 0, 2).buffer).toBe(restored.buffer);
  });

  it('goes the given part of the way, line by line', () => {
    expect([...blendLines(given, restored, { strength: 0.5, mask: null }, size, 1, 1)]).toEqual([
      50, 150, 100, 0, 0, 0,
    ]);
    expect([...blendLines(given, restored, { strength: 0, mask: null }, size, 0, 2)]).toEqual([...given]);
  });
});
