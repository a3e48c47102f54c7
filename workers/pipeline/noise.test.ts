import { describe, expect, it } from 'vitest';
import { cropLatents, makeLatents } from './latents.ts';
import { noiseLatents, philox } from './noise.ts';
import { startLatents } from './start.ts';

const hex = (words: Uint32Array) => [...words].map((word) => word.toString(16).padStart(8, '0')).join(' ');

describe('philox', () => {
  it("agrees with the authors' known answers", () => {
    const cases: [number[], [number, number], string][] = [
      [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
      [new Array(4).fill(0xffffffff), [0xffffffff, 0xffffffff], '408f276d 41c83b0e a20bc7c6 6d5451fd'],
      [
        [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
        [0xa4093822, 0x299f31d0],
        'd16cfe09 94fdcceb 5001e420 24126ea1',
      ],
    ];
    for (const [counter, [key0, key1], expected] of cases) {
      const state = Uint32Array.from(counter);
      philox(state, key0, key1);
      expect(hex(state)).toBe(expected);
    }
  });
});

describe('noise', () => {
  const whole = noiseLatents(42, 16, { x: 0, y: 0, width: 96, height: 80 });

  it('is standard normal: mean, variance, kurtosis, share beyond 2', () => {
    const n = whole.data.length;
    const mean = whole.data.reduce((sum, z) => sum + z, 0) / n;
    const moment = (power: number) => whole.data.reduce((sum, z) => sum + z ** power, 0) / n;
    // n = 122880: five standard errors of each.
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
    const beyond = whole.data.filter((z) => Math.abs(z) > 2).length / n;
    expect(Math.abs(beyond - 0.0455)).toBeLessThan(5 * Math.sqrt(0.0455 / n));
  });

  it('is independent of neighbours, other channels and other seeds', () => {
    const plane = 96 * 80;
    const other = noiseLatents(43, 16, { x: 0, y: 0, width: 96, height: 80 });
    const correlation = (pick: (i: number) => number) => {
      let sum = 0;
      for (let i = 0; i < 15 * plane; i++) sum += (whole.data[i] ?? 0) * pick(i);
      return Math.abs(sum / (15 * plane));
    };
    const limit = 5 / Math.sqrt(15 * plane);
    expect(correlation((i) => whole.data[i + 1] ?? 0)).toBeLessThan(limit);
    expect(correlation((i) => whole.data[i + 96] ?? 0)).toBeLessThan(limit);
    expect(correlation((i) => whole.data[i + plane] ?? 0)).toBeLessThan(limit);
    expect(correlation((i) => other.data[i] ?? 0)).toBeLessThan(limit);
  });

  it('depends on the place in the photo only, so overlapping tiles agree', () => {
    const rect = { x: 31, y: 17, width: 20, height: 9 };
    expect(noiseLatents(42, 16, rect)).toEqual(cropLatents(whole, rect));
    expect(noiseLatents(42, 5, rect).data).toEqual(cropLatents(whole, rect).data.slice(0, 5 * 180));
  });

  it('uses all bits of a large seed', () => {
    const rect = { x: 0, y: 0, width: 2, height: 2 };
    expect(noiseLatents(7, 1, rect).data).not.toEqual(noiseLatents(7 + 2 ** 32, 1, rect).data);
  });
});

describe('startLatents', () => {
  const reference = makeLatents(3, 40, 6);
  reference.data.fill(2);
  const normals = noiseLatents(5, 3, { x: 0, y: 0, width: 6, height: 40 });

  it('is pure noise, or the reference with a little of it', () => {
    expect(startLatents({ kind: 'noise' }, reference, 5)).toEqual(normals);
    const bridged = startLatents({ kind: 'reference', sigma: 0.25 }, reference, 5);
    bridged.data.forEach((z, i) => {
      expect(z).toBeCloseTo(2 + 0.25 * (normals.data[i] ?? 0), 6);
    });
    expect(startLatents({ kind: 'reference', sigma: 0 }, reference, 5)).toEqual(reference);
  });
});
