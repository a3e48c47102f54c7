import { describe, expect, it } from 'vitest';
import { halfToNumber } from '../../workers/packs/half.ts';
import { decodeWeight, storedBytes } from '../../workers/packs/weights.ts';
import { seeded } from './preview.ts';
import { BLOCK, dequantiseBlocks, quantiseBlocks, quantiseRows } from './quantise.ts';

function noise(length: number, seed: number): Float32Array {
  const random = seeded(seed);
  return Float32Array.from({ length }, () => 3 * (random() + random() + random() - 1.5));
}

describe('quantiseBlocks', () => {
  it.each([4, 8] as const)('keeps every value within a step of its block at %i bits', (bits) => {
    const [n, k] = [24, 96];
    const values = noise(n * k, 5);
    const blocks = quantiseBlocks(values, n, k, bits);
    const back = dequantiseBlocks(blocks, n, k, bits);
    expect(blocks.b.length).toBe((n * k * bits) / 8);
    expect(blocks.scales.length).toBe((n * k) / BLOCK);
    for (let i = 0; i < values.length; i++) {
      const step = Math.abs(halfToNumber(blocks.scales[Math.floor(i / BLOCK)] ?? 0));
      // Half a step inside the range; at 4 bits the outermost value may be cut off by a bit more than one step.
      const bound = bits === 8 ? 0.51 * step : 1.1 * step;
      expect(Math.abs((back[i] ?? 0) - (values[i] ?? 0))).toBeLessThanOrEqual(bound);
    }
  });

  it('is no worse at 4 bits than plain rounding to ±7 levels', () => {
    const values = noise(BLOCK * 64, 9);
    const back = dequantiseBlocks(quantiseBlocks(values, 64, BLOCK, 4), 64, BLOCK, 4);
    let chosen = 0;
    let plain = 0;
    for (let b = 0; b < 64; b++) {
      const part = values.subarray(b * BLOCK, (b + 1) * BLOCK);
      const scale = Math.max(...part.map(Math.abs)) / 7;
      for (let i = 0; i < BLOCK; i++) {
        const value = part[i] ?? 0;
        chosen += ((back[b * BLOCK + i] ?? 0) - value) ** 2;
        plain += (Math.round(value / scale) * scale - value) ** 2;
      }
    }
    expect(chosen).toBeLessThan(plain);
  });

  it('puts values where MatMulNBits looks for them', () => {
    // One block: value 0 at the largest level, value 1 at zero, the rest at the lowest level of the same size.
    const values = new Float32Array(BLOCK).fill(-127);
    values[0] = 127;
    values[1] = 0;
    const eight = quantiseBlocks(values, 1, BLOCK, 8);
    expect([...eight.b.subarray(0, 3)]).toEqual([255, 128, 1]);
    expect(halfToNumber(eight.scales[0] ?? 0)).toBe(1);
    const small = Float32Array.from(values, (value) => (value / 127) * 7);
    const four = quantiseBlocks(small, 1, BLOCK, 4);
    expect([...four.b.subarray(0, 2)]).toEqual([15 | (8 << 4), 1 | (1 << 4)]);
  });

  it('takes blocks of zeros and refuses what it can not hold', () => {
    const zeros = quantiseBlocks(new Float32Array(BLOCK), 1, BLOCK, 4);
    expect([...dequantiseBlocks(zeros, 1, BLOCK, 4)]).toEqual(Array(BLOCK).fill(0));
    expect(() => quantiseBlocks(new Float32Array(40), 1, 40, 8)).toThrow(/multiple of 32/);
    expect(() => quantiseBlocks(new Float32Array(BLOCK).fill(Number.NaN), 1, BLOCK, 8)).toThrow(/finite/);
  });
});

describe('quantiseRows', () => {
  it('is read back by the loader, each row to half a step', () => {
    const [rows, rest] = [5, 27];
    const values = noise(rows * rest, 3);
    values.fill(0, 2 * rest, 3 * rest);
    const bytes = quantiseRows(values, rows);
    const spec = { stored: 'i8c', shape: [rows, 3, 3, 3] } as const;
    expect(bytes.length).toBe(storedBytes(spec));
    const back = decodeWeight(bytes, spec, 'float32');
    for (let row = 0; row < rows; row++) {
      const largest = Math.max(...values.subarray(row * rest, (row + 1) * rest).map(Math.abs));
      for (let i = row * rest; i < (row + 1) * rest; i++) {
        expect(Math.abs((back[i] ?? 0) - (values[i] ?? 0))).toBeLessThanOrEqual((0.51 * largest) / 127);
      }
    }
  });
});
