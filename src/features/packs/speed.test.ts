import { describe, expect, it } from 'vitest';
import type { PackNeeds } from '../../../workers/packs/protocol.ts';
import { secondsPerMegapixel } from './speed.ts';

const needs = (macsPerStep: number, tile: number, steps: number): PackNeeds => ({
  bytes: 0,
  toFetch: 0,
  gpuWeights: 0,
  gpuWeightsLeast: 0,
  gpuActivations: 0,
  gpuLargestBuffer: 0,
  baked: false,
  macsPerStep,
  tile,
  steps: { min: 1, default: steps, max: steps },
});

describe('secondsPerMegapixel', () => {
  // Two steps over one tile of 500 px took 3 s.
  const measured = { pack: { name: 'a', version: '1' }, engine: 'wasm', pixels: 2 * 500 * 500, seconds: 3 } as const;

  it('for the pack that was measured is its own pace', () => {
    const used = needs(1e9, 500, 2);
    expect(secondsPerMegapixel(measured, used, used)).toBeCloseTo(12, 10);
  });

  it('grows with the work per pixel and with the steps', () => {
    const used = needs(1e9, 500, 2);
    expect(secondsPerMegapixel(measured, used, needs(4e9, 1000, 2))).toBeCloseTo(12, 10);
    expect(secondsPerMegapixel(measured, used, needs(40e9, 1000, 28))).toBeCloseTo(12 * 10 * 14, 8);
  });
});
