import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { realRestorer } from '../../tools/conformance/real-blocks.ts';
import type { Manifest } from '../packs/manifest.ts';
import { loadManifest } from '../packs/manifest-load.ts';
import { DEFAULT_CAP, planMemory } from './memory-plan.ts';

let manifest: Manifest;
beforeAll(async () => {
  manifest = loadManifest(await readFile(new URL('../../public/packs/small/manifest.json', import.meta.url)));
});

const size = { width: 1024, height: 1024, steps: 2 };

describe('planMemory', () => {
  it('keeps all of the embedded pack under the default cap', () => {
    const plan = planMemory(manifest, 'f32', size, DEFAULT_CAP);
    expect(plan.weights.streamed.size).toBe(0);
    expect(plan.totalBytes).toBeLessThan(DEFAULT_CAP);
  });

  it('counts streams, tables and weights', () => {
    const { family } = manifest;
    const plan = planMemory(manifest, 'f32', size, DEFAULT_CAP);
    const tokens = 64 * 64;
    const modulation = 2 * (12 * family.double + 3 * family.single + 2) * family.hidden * 4;
    const rope = 2 * tokens * (family.hidden / family.heads / 2) * 4;
    expect(plan.tableBytes).toBe(modulation + rope + family.contextTokens * family.hidden * 4);
    expect(plan.totalBytes).toBe(plan.activationBytes + plan.tableBytes + plan.otherBytes + plan.weights.residentBytes);
  });

  it('takes half the room for what is inside a block in mode f16', () => {
    const wide = planMemory(manifest, 'f32', size, DEFAULT_CAP).activationBytes;
    const narrow = planMemory(manifest, 'f16', size, DEFAULT_CAP).activationBytes;
    expect(narrow).toBeLessThan(wide);
    expect(narrow).toBeGreaterThan(wide / 2);
  });

  it('streams under a small cap', () => {
    const all = planMemory(manifest, 'f32', size, DEFAULT_CAP);
    const plan = planMemory(manifest, 'f32', size, all.totalBytes - 1);
    expect(plan.weights.streamed.size).toBeGreaterThan(0);
  });

  it('lets tiles share what is uploaded, for a tenth of the blocks at most, and only where some are streamed', () => {
    const real = realRestorer();
    const tile = { width: 1024, height: 1024, steps: 28 };
    const plan = (tiles: number, cap = DEFAULT_CAP) => planMemory(real, 'f16', { ...tile, tiles }, cap);
    const alone = plan(1);
    expect(alone.tilesPerUpload).toBe(1);
    expect(alone.weights.streamed.size).toBeGreaterThan(0);
    const shared = plan(20);
    expect(shared.tilesPerUpload).toBeGreaterThan(1);
    expect(shared.totalBytes).toBeLessThanOrEqual(DEFAULT_CAP);
    expect(alone.weights.resident.size - shared.weights.resident.size).toBeLessThanOrEqual(5.7);
    expect(plan(2).tilesPerUpload).toBeLessThanOrEqual(2);
    // Everything stays: nothing to share. Nothing fits: no room to share.
    expect(plan(20, 1e12).tilesPerUpload).toBe(1);
    expect(plan(20, 1).tilesPerUpload).toBe(1);
  });
});
