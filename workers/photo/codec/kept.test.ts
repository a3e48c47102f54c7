import { describe, expect, it } from 'vitest';
import { isWorthKeeping, keepRows } from './kept.ts';
import { makeSamples, type Rows } from './rows.ts';

function picture(bits: 8 | 16): Rows {
  return {
    width: 5,
    height: 7,
    channels: 3,
    bits,
    async *bands() {
      for (const [top, rows] of [
        [0, 4],
        [4, 3],
      ] as const) {
        const samples = makeSamples(bits, 15 * rows);
        yield { top, rows, samples: samples.map((_, i) => (top * 1000 + i * 7) % (2 ** bits - 1)) };
      }
    },
  };
}

const all = async (rows: Rows) => {
  const found = [];
  for await (const { top, rows: count, samples } of rows.bands()) found.push([top, count, [...samples]]);
  return found;
};

describe('kept rows', () => {
  it.each([8, 16] as const)('are the same whenever they are asked for, with %d bits', async (bits) => {
    const { first, again } = keepRows(picture(bits));
    const expected = await all(picture(bits));
    expect(await all(first)).toEqual(expected);
    for (let i = 0; i < 2; i++) expect(await all(again())).toEqual(expected);
    expect(again()).toMatchObject({ width: 5, height: 7, channels: 3, bits });
  });

  it('are for large photos', () => {
    const layout = { channels: 3, bits: 8 } as const;
    expect(isWorthKeeping({ ...layout, width: 4000, height: 3000 })).toBe(false);
    expect(isWorthKeeping({ ...layout, width: 8000, height: 6000 })).toBe(true);
  });
});
