import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
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
});
