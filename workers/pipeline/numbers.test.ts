import { describe, expect, it } from 'vitest';
import { guide } from './guidance.ts';
import { makeLatents, packLatents, unpackTokens } from './latents.ts';
import { ropeTables } from './rope.ts';
import { sinusoid } from './sinusoid.ts';

describe('sinusoid', () => {
  it('is cosines first, of 1000 s times the frequency ladder', () => {
    const row = sinusoid([0, 0.7]);
    expect(row).toHaveLength(512);
    expect([...row.slice(0, 128)]).toEqual(new Array(128).fill(1));
    expect([...row.slice(128, 256)]).toEqual(new Array(128).fill(0));
    for (const i of [0, 1, 64, 127]) {
      const angle = 700 * 10000 ** (-i / 128);
      expect(row[256 + i]).toBeCloseTo(Math.cos(angle), 6);
      expect(row[384 + i]).toBeCloseTo(Math.sin(angle), 6);
    }
  });

  it('keeps its precision at large angles', () => {
    // cos(1000) and sin(3500) to 9 digits: float32 angles would be off in the fifth.
    expect(Math.abs((sinusoid([1])[0] ?? 9) - 0.562379076)).toBeLessThan(1e-7);
    expect(Math.abs((sinusoid([3.5])[128] ?? 9) - Math.sin(3500))).toBeLessThan(1e-7);
  });
});

describe('ropeTables', () => {
  const spec = { axesDim: [16, 56, 56], theta: 10000 } as const;

  it('spends 8 + 28 + 28 angles on axis 0, row and column', () => {
    const { cos, sin, dims } = ropeTables(spec, 3, 5, { kind: 'channels' });
    expect(dims).toEqual([1, 15, 64]);
    const token = (2 * 5 + 4) * 64;
    for (let i = 0; i < 8; i++) expect([cos[token + i], sin[token + i]]).toEqual([1, 0]);
    for (let i = 0; i < 28; i++) {
      const frequency = 10000 ** ((-2 * i) / 56);
      expect(cos[token + 8 + i]).toBeCloseTo(Math.cos(2 * frequency), 6);
      expect(sin[token + 8 + i]).toBeCloseTo(Math.sin(2 * frequency), 6);
      expect(cos[token + 36 + i]).toBeCloseTo(Math.cos(4 * frequency), 6);
      expect(sin[token + 36 + i]).toBeCloseTo(Math.sin(4 * frequency), 6);
    }
  });

  it('gives reference tokens the same rows and columns and their own id on axis 0', () => {
    const { cos, sin, dims } = ropeTables(spec, 2, 2, { kind: 'tokens', axis0: 1 });
    expect(dims).toEqual([1, 8, 64]);
    for (let token = 0; token < 4; token++) {
      const target = cos.slice(token * 64 + 8, token * 64 + 64);
      const reference = cos.slice((token + 4) * 64 + 8, (token + 4) * 64 + 64);
      expect(reference).toEqual(target);
      expect(sin[(token + 4) * 64]).toBeCloseTo(Math.sin(1), 6);
      expect(sin[(token + 4) * 64 + 1]).toBeCloseTo(Math.sin(10000 ** (-2 / 16)), 6);
    }
    const same = ropeTables(spec, 2, 2, { kind: 'tokens', axis0: 0 });
    expect(same.cos.slice(256)).toEqual(same.cos.slice(0, 256));
  });

  it('is a piece of the larger grid where an offset is given', () => {
    const large = ropeTables(spec, 4, 4, { kind: 'channels' });
    const piece = ropeTables(spec, 1, 2, { kind: 'channels' }, { row: 3, column: 1 });
    expect(piece.cos).toEqual(large.cos.slice(13 * 64, 15 * 64));
  });
});

describe('latents and tokens', () => {
  it('orders features 4c + 2dy + dx and tokens row by row', () => {
    const latents = makeLatents(2, 4, 6);
    for (let c = 0; c < 2; c++)
      for (let y = 0; y < 4; y++) for (let x = 0; x < 6; x++) latents.data[(c * 4 + y) * 6 + x] = 100 * c + 10 * y + x;
    const tokens = packLatents(latents, 2);
    const token = 1 * 3 + 2;
    expect([...tokens.slice(8 * token, 8 * token + 8)]).toEqual([24, 25, 34, 35, 124, 125, 134, 135]);
    expect(unpackTokens(tokens, 2, 4, 6, 2)).toEqual(latents);
  });

  it('ignores rows beyond the grid and refuses grids that a patch does not tile', () => {
    const tokens = new Float32Array(2 * 64).map((_, i) => i);
    expect(unpackTokens(tokens, 16, 2, 2, 2).data[63]).toBe(63);
    expect(() => packLatents(makeLatents(1, 3, 2), 2)).toThrow(RangeError);
    expect(() => unpackTokens(new Float32Array(3), 1, 2, 2, 2)).toThrow(RangeError);
  });
});

describe('guidance', () => {
  const spec = { kind: 'cfg', scale: 3, truncate: 0.93, power: 0.4 } as const;
  const uncond = Float32Array.of(0, 0, 1, 1);
  // Differences (3, 4) with norm 5 and (0.3, 0.4) with norm 0.5.
  const cond = Float32Array.of(3, 4, 1.3, 1.4);

  it('is u + s (c - u) late in the flow', () => {
    const out = guide(spec, [cond, uncond], 2, 0.93);
    [9, 12, 1.9, 2.2].forEach((expected, i) => {
      expect(out[i]).toBeCloseTo(expected, 5);
    });
  });

  it('divides by norm^0.4 early, only for tokens with a norm above 1', () => {
    const out = guide(spec, [cond, uncond], 2, 0.9301);
    const f = 5 ** 0.4;
    [9 / f, 12 / f, 1.9, 2.2].forEach((expected, i) => {
      expect(out[i]).toBeCloseTo(expected, 5);
    });
  });

  it('is the conditional velocity itself where there is none', () => {
    expect(guide({ kind: 'none' }, [cond], 2, 1)).toBe(cond);
    expect(() => guide(spec, [cond], 2, 1)).toThrow(RangeError);
  });
});
