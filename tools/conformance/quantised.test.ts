/** Graphs with quantised weights against the same graphs in float32, by type of block, on onnxruntime-web's wasm. */
import { beforeAll, describe, expect, it } from 'vitest';
import { BLOCK_TYPES, compareFormats, FORMATS, type Nearness, quantisedConfig } from './quantised.ts';

/** Lowest cosines, some hundredths (4 bits) and ten-thousandths (8 bits) under what was measured. */
const FOUR = { double: 0.96, single: 0.96, last: 0.95, connector: 0.92, modulation: 0.98, 'embed and final': 0.9995 };
const EIGHT = 0.9995;
const LOWEST = {
  [FORMATS[0]?.name ?? '']: FOUR,
  [FORMATS[1]?.name ?? '']: { ...FOUR, double: 0.97, single: 0.98, last: 0.975, connector: EIGHT, modulation: EIGHT },
  [FORMATS[2]?.name ?? '']: Object.fromEntries(BLOCK_TYPES.map((type) => [type, EIGHT])),
};

let report: Nearness[] = [];
beforeAll(async () => {
  report = await compareFormats(quantisedConfig(256));
});

const of = (format: number) => report.filter((row) => row.format === FORMATS[format]?.name);

describe.each(FORMATS)('weights at $name', ({ name }) => {
  it.each(BLOCK_TYPES)('keep the direction of what %s gives', (type) => {
    const row = report.find((other) => other.format === name && other.type === type);
    expect(row?.cosine).toBeGreaterThan(LOWEST[name]?.[type] ?? 1);
    // And its size: an error across the direction is sin, one along it is not.
    expect(row?.error).toBeLessThan(1.1 * Math.sqrt(2 - 2 * (LOWEST[name]?.[type] ?? 1)));
  });
});

it('are nearer the more of them have 8 bits, and take more room', () => {
  const [four, some, all] = [of(0), of(1), of(2)];
  for (const [i, type] of BLOCK_TYPES.entries()) {
    expect(some[i]?.error, type).toBeLessThanOrEqual(four[i]?.error ?? 0);
    expect(all[i]?.error, type).toBeLessThanOrEqual(some[i]?.error ?? 0);
    expect(some[i]?.bytes, type).toBeGreaterThanOrEqual(four[i]?.bytes ?? 0);
  }
  // These have no matrices that --keep8 leaves at 4 bits.
  for (const type of ['connector', 'modulation']) {
    expect(some.find((row) => row.type === type)?.error).toBe(all.find((row) => row.type === type)?.error);
  }
});
