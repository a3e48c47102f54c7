/** Sizes, orders and positions by the numbers of realrestorer.md D; against the reference's own code: tools/pack/qwen.test.ts. */
import { describe, expect, it } from 'vitest';
import { gridOf, type ImageSpec, patchValues, processorSize, roundedSize, seenSize, workingSize } from './image.ts';
import { imagePositions, languageTables, visionTables } from './positions.ts';
import { resize } from './resize.ts';
import { sequenceOf } from './sequence.ts';
import { batchesOf, inverseOf, windowsOf } from './windows.ts';

const SPEC: ImageSpec = {
  level: 1024,
  patch: 14,
  merge: 2,
  minPixels: 256 * 784,
  maxPixels: 324 * 784,
  mean: [0.5, 0.25, 0.75],
  std: [1, 0.5, 0.25],
};

describe('sizes', () => {
  // Photo, working image, what the model sees, groups (realrestorer.md D.3, E.1).
  it.each([
    [1024, 1024, '1024x1024', '504x504', 324],
    [4000, 3000, '1168x880', '560x420', 300],
    [1920, 1080, '1360x768', '672x364', 312],
    [3000, 2000, '1248x832', '616x392', 308],
    [2000, 3000, '832x1248', '392x616', 308],
  ])('of a photo of %i x %i', (width, height, working, seen, groups) => {
    const text = (size: { width: number; height: number }) => `${size.width}x${size.height}`;
    expect(text(workingSize({ width, height }, 1024))).toBe(working);
    const size = seenSize({ width, height }, SPEC);
    expect(text(size)).toBe(seen);
    const { rows, columns } = gridOf(size, SPEC);
    expect(rows * columns).toBe(groups);
  });

  it('never reach more groups than 324, whatever the aspect', () => {
    for (const [width, height] of [
      [50, 5000],
      [5000, 50],
      [33, 17],
      [1, 1],
      [12000, 4000],
    ] as const) {
      const { rows, columns } = gridOf(seenSize({ width, height }, SPEC), SPEC);
      expect(Number.isInteger(rows) && Number.isInteger(columns)).toBe(true);
      expect(rows * columns, `${width}x${height}`).toBeLessThanOrEqual(324);
      expect(rows * columns).toBeGreaterThan(0);
    }
  });

  it('round halves to even and grow small images up to the least area', () => {
    expect(roundedSize({ width: 42, height: 70 }, 28)).toEqual({ width: 56, height: 56 });
    expect(roundedSize({ width: 5, height: 100 }, 28)).toEqual({ width: 28, height: 112 });
    expect(processorSize({ width: 56, height: 56 }, 28, 100 * 784, 324 * 784)).toEqual({ width: 280, height: 280 });
  });
});

describe('resize', () => {
  it('keeps flat colour, and an image of the same size', () => {
    const flat = { width: 7, height: 5, rgb: new Uint8Array(105).fill(200) };
    for (const filter of ['bicubic', 'lanczos'] as const) {
      expect(new Set(resize(flat, 19, 3, filter).rgb)).toEqual(new Set([200]));
    }
    expect(resize(flat, 7, 5, 'bicubic').rgb).toBe(flat.rgb);
  });
});

describe('patches', () => {
  it('come group by group, patches of a group row by row, channels and frames before rows', () => {
    // 3 x 2 groups of 2 x 2 patches of 2 px; red tells the column, green the row.
    const spec = { ...SPEC, patch: 2 };
    const [width, height] = [12, 8];
    const rgb = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
      const at = Math.floor(i / 3);
      return [at % width, Math.floor(at / width), 255][i % 3] as number;
    });
    const values = patchValues({ width, height, rgb }, spec, [4, 0, 1, 2, 3, 5]);
    expect(values.length).toBe(6 * 4 * 24);
    const level = (value: number, channel: number) =>
      Math.round(255 * (value * (spec.std[channel] as number) + (spec.mean[channel] as number)));
    // Group 4 is row 1, column 1; its third patch is the lower left one, at px (4, 6).
    const patch = values.subarray(2 * 24, 3 * 24);
    expect([...patch.subarray(0, 4)].map((value) => level(value, 0))).toEqual([4, 5, 4, 5]);
    expect([...patch.subarray(4, 8)]).toEqual([...patch.subarray(0, 4)]);
    expect([...patch.subarray(8, 12)].map((value) => level(value, 1))).toEqual([6, 6, 7, 7]);
    expect(level(patch[16] as number, 2)).toBe(255);
  });
});

describe('windows', () => {
  it('cover every group once, smaller ones at the edges', () => {
    const windows = windowsOf({ rows: 5, columns: 7 }, 4);
    expect(windows.map(({ length }) => length)).toEqual([16, 12, 4, 3]);
    expect(windows[1]?.slice(0, 4)).toEqual([4, 5, 6, 11]);
    const order = windows.flat();
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 35 }, (_, i) => i));
    const inverse = inverseOf(order);
    order.forEach((group, at) => {
      expect(inverse[group]).toBe(at);
    });
  });

  it('become a batch in which nobody sees a place without a token', () => {
    const { count, length, rows, back, bias } = batchesOf([3, 1]);
    expect([count, length]).toEqual([2, 3]);
    expect([...rows]).toEqual([0, 1, 2, 3, 0, 0]);
    expect([...back]).toEqual([0, 1, 2, 3]);
    expect([...bias.subarray(0, 9)].every((value) => value === 0)).toBe(true);
    for (let query = 0; query < 3; query++) {
      const line = [...bias.subarray(9 + 3 * query, 12 + 3 * query)];
      expect(line.map((value) => value === 0)).toEqual([true, false, false]);
    }
  });
});

describe('positions', () => {
  it('of the image start at the next one; text goes on behind its longer side', () => {
    const { positions, after } = imagePositions({ rows: 2, columns: 3 }, 224);
    expect(positions).toEqual([
      [224, 224, 224],
      [224, 224, 225],
      [224, 224, 226],
      [224, 225, 224],
      [224, 225, 225],
      [224, 225, 226],
    ]);
    expect(after).toBe(227);
  });

  it('turn each frequency with the axis of its section', () => {
    const { cos, sin, dims } = languageTables([[3, 5, 7]], [1, 2, 1], 1e4);
    expect(dims).toEqual([1, 1, 4]);
    [3, 5, 5, 7].forEach((position, i) => {
      const angle = position * 1e4 ** (-i / 4);
      expect(cos[i]).toBeCloseTo(Math.cos(angle), 6);
      expect(sin[i]).toBeCloseTo(Math.sin(angle), 6);
    });
  });

  it('of patches turn half of the frequencies with the row, half with the column', () => {
    const { cos, dims } = visionTables({ rows: 2, columns: 2 }, [3], 2, 8);
    expect(dims).toEqual([1, 4, 4]);
    // Group 3 has patches (2,2), (2,3), (3,2), (3,3); the frequencies are 1 and 0.01.
    const [row, row2, column, column2] = cos.subarray(4, 8);
    expect([row, row2]).toEqual([2, 0.02].map((angle) => Math.fround(Math.cos(angle))));
    expect([column, column2]).toEqual([3, 0.03].map((angle) => Math.fround(Math.cos(angle))));
  });
});

describe('the sequence', () => {
  const spec = { prefix: 3, closeImage: [90], closePrompt: [91, 92] };
  const { image, ids, positions, rows, bias } = sequenceOf({ rows: 1, columns: 2 }, [[10, 11], []], spec);

  it('has the image once, and a tail for every prompt', () => {
    expect(image).toBe(2);
    expect(ids).toEqual([90, 10, 11, 91, 92, 91, 92]);
    expect(rows).toEqual([
      [0, 1, 2, 3, 4, 5, 6],
      [0, 1, 2, 7, 8],
    ]);
    expect(positions.map(([t]) => t)).toEqual([3, 3, 5, 6, 7, 8, 9, 6, 7]);
  });

  it('lets every token see the prefix, what all share, and its own tail, up to itself', () => {
    const seen = (token: number) =>
      [...bias.subarray(12 * token, 12 * (token + 1))].flatMap((value, key) => (value === 0 ? [key] : []));
    const own = (token: number) => seen(token).map((key) => key - 3);
    expect(own(0)).toEqual([-3, -2, -1, 0]);
    expect(own(2)).toEqual([-3, -2, -1, 0, 1, 2]);
    expect(own(5)).toEqual([-3, -2, -1, 0, 1, 2, 3, 4, 5]);
    expect(own(8)).toEqual([-3, -2, -1, 0, 1, 2, 7, 8]);
  });
});
