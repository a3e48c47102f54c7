import { describe, expect, it } from 'vitest';
import { realRestorer } from '../../tools/conformance/real-blocks.ts';
import type { Manifest } from '../packs/manifest.ts';
import { DISPATCH_SECONDS, defaultBandBytes, planJob } from './plan.ts';
import { longestDispatch, stepMacs } from './work.ts';

const manifest = realRestorer();

describe('work of a block', () => {
  it('adds up to what RealRestorer takes for a tile of 1024 px: 84.6 TMAC a branch and step', () => {
    // The last block is counted in full, but runs for half of the tokens.
    expect(stepMacs(manifest, 1024, 1024) / 84.6e12).toBeGreaterThan(0.99);
    expect(stepMacs(manifest, 1024, 1024) / 84.6e12).toBeLessThan(1.03);
  });

  it('tells the longest dispatch: without chunks the MLP or attention, with 40 of them a whole linear', () => {
    const whole = longestDispatch(manifest, 1024, 1024, 1);
    expect(whole.name).toBe('attention');
    // Queries and keys, weights and values: 2 · 8192 · 8832 · 3072.
    expect(whole.macs).toBe(2 * 8192 * 8832 * 3072);
    const cut = longestDispatch(manifest, 1024, 1024, 40);
    expect(cut.chunked).toBe(false);
    expect(cut.macs).toBe(8192 * 3072 * 3072);
  });
});

describe('a plan by the rate that was measured', () => {
  const blocks: Manifest = { ...manifest, vae: { ...manifest.vae, encode: [], decode: [] } };
  const photo = { width: 4000, height: 3000 };
  const at = (macsPerSecond?: number) =>
    planJob(blocks, { kind: 'webgpu', mode: 'f16', ...(macsPerSecond && { macsPerSecond }) }, photo);

  it('keeps every dispatch under half a second, with smaller tiles on slow devices', () => {
    const fast = at(1e12);
    expect([fast.side, fast.queryChunks]).toEqual([1024, 40]);
    // 8192 × 3072 × 3072 at one TMAC/s; the tiles of this photo are a little shorter than the side.
    expect(fast.dispatchMs).toBeGreaterThan(50);
    expect(fast.dispatchMs).toBeLessThan(78);
    let side = 1024;
    // Below 48 GMAC/s the text's MLP alone, 640 × 3072 × 12288, takes longer: no tile helps there.
    for (const rate of [300e9, 100e9, 50e9]) {
      const plan = at(rate);
      expect(plan.dispatchMs).toBeLessThanOrEqual(1000 * DISPATCH_SECONDS);
      expect(plan.side).toBeLessThanOrEqual(side);
      side = plan.side;
    }
    expect(side).toBeLessThan(640);
  });

  it('says nothing where no rate was measured, and stops at the smallest tile', () => {
    expect(at().dispatchMs).toBeNull();
    expect(at().side).toBe(1024);
    expect(at(1e6).side).toBe(128);
  });

  it('cuts bands of the widest convolution accordingly', () => {
    expect(defaultBandBytes('webgpu', 1e12)).toBe(64 * 2 ** 20);
    // 10 GMAC/s for half a second are 5 GMAC: 5e9 / (9 · 512) floats.
    expect(defaultBandBytes('webgpu', 10e9)).toBeCloseTo((4 * 5e9) / 4608, -1);
  });
});
