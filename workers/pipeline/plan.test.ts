import { describe, expect, it } from 'vitest';
import type { Manifest } from '../packs/manifest.ts';
import { plannedCalls } from './call-plan.ts';
import { chainInputs, neededChunks, planJob, skipBytes, skipNames } from './plan.ts';
import { ToyBackend } from './testing/toy.ts';
import { toyManifest } from './testing/toy-manifest.ts';
import { countTokens } from './tokens.ts';

const wasm = { kind: 'wasm', mode: 'f32' } as const;
const gpu = { kind: 'webgpu', mode: 'f32' } as const;

/** The big family's dims on the toy's graphs. */
function bigManifest(): Manifest {
  const base = toyManifest({ reference: { kind: 'tokens', axis0: 0 } });
  return {
    ...base,
    family: { ...base.family, axesDim: [16, 56, 56], heads: 24, hidden: 3072, contextTokens: 640 },
    tile: { gpu: 1024, wasm: 512, overlap: 128 },
  };
}

describe('countTokens', () => {
  it('has the reference sizes: 4096 target tokens at 1024 px, 8832 with reference and text', () => {
    const { target, image, text, rows, columns } = countTokens(bigManifest(), 1024, 1024);
    expect([target, image, text + image, rows, columns]).toEqual([4096, 8192, 8832, 64, 64]);
    expect(countTokens(toyManifest(), 96, 64)).toEqual({ rows: 4, columns: 6, target: 24, image: 24, text: 2 });
  });
});

describe('planJob', () => {
  it('keeps attention below 2^30 by query chunks', () => {
    const manifest = bigManifest();
    const chunks = neededChunks(manifest, 1024, 1024);
    // 8192 · 8832 · 128 · 4 / 2^30 = 34.5.
    expect(chunks).toBe(35);
    const size = (pieces: number) => Math.ceil(8192 / pieces) * 8832 * 128 * 4;
    expect(size(chunks)).toBeLessThan(2 ** 30);
    expect(size(chunks - 1)).toBeGreaterThanOrEqual(2 ** 30);
  });

  it('takes the fewest chunks that the pack has, or a smaller tile where it has too few', () => {
    const manifest = bigManifest();
    const plan = planJob(manifest, gpu, { width: 3000, height: 3000 });
    expect(plan.queryChunks).toBe(4);
    expect(plan.side).toBeLessThan(1024);
    expect(neededChunks(manifest, plan.x.size, plan.y.size)).toBeLessThanOrEqual(4);
    expect(planJob(manifest, gpu, { width: 256, height: 256 })).toMatchObject({ queryChunks: 1, side: 256 });
    // A side beyond the photo is the photo's: no search from there downwards.
    expect(planJob(manifest, gpu, { width: 100, height: 300 }, 1e9)).toMatchObject({ side: 304 });
  });

  it("takes the backend's own tile, the pack's overlap, and what was asked for", () => {
    const manifest = { ...toyManifest(), tile: { gpu: 1024, wasm: 512, overlap: 128 } };
    const photo = { width: 3000, height: 2000 };
    expect(planJob(manifest, gpu, photo).side).toBe(1024);
    expect(planJob(manifest, wasm, photo)).toMatchObject({ side: 512, queryChunks: 1 });
    expect(planJob(manifest, wasm, photo, 200).side).toBe(192);
    expect(planJob(manifest, wasm, photo, 1).side).toBe(16);
  });

  it('plans 50 megapixels with tiles no larger than asked', () => {
    const plan = planJob({ ...toyManifest(), tile: { gpu: 1024, wasm: 512, overlap: 128 } }, gpu, {
      width: 8660,
      height: 5773,
    });
    expect(plan.x.size).toBeLessThanOrEqual(1024);
    expect(plan.tiles).toHaveLength(plan.x.starts.length * plan.y.starts.length);
    expect(plan.tiles.length).toBeLessThanOrEqual(70);
  });

  it('knows what a decoder asks for and how much of it fits the cache', () => {
    expect(skipNames(toyManifest())).toEqual([]);
    expect(skipBytes(toyManifest(), 64, 64)).toBe(0);
    const manifest = toyManifest({ decoderInputs: 'latents+skips' });
    expect([...chainInputs(manifest, manifest.vae.decode)].sort()).toEqual(['latents', 'pooled', 'skip0']);
    expect(skipBytes(manifest, 64, 32)).toBe(4 * 3 * 64 * 32);
    const photo = { width: 300, height: 32 };
    expect(planJob(manifest, wasm, photo, 64, 3 * 4 * 3 * 64 * 32).cachedTiles).toBe(3);
    expect(planJob(manifest, wasm, photo, 64, 0).cachedTiles).toBe(0);
  });
});

describe('plannedCalls', () => {
  it('count what a job then runs', async () => {
    const { restorePhoto } = await import('./restore.ts');
    const photo = { width: 150, height: 70, rgb: new Uint8Array(150 * 70 * 3).fill(99) };
    for (const decoderInputs of ['latents', 'latents+skips'] as const) {
      for (const [steps, kind, paints] of [
        [0, 'linear', true],
        [3, 'linear', true],
        [3, 'decoder', false],
        [3, 'decoder', true],
      ] as const) {
        const base = toyManifest({ decoderInputs });
        const manifest = { ...base, preview: { ...base.preview, kind } };
        const backend = new ToyBackend(manifest);
        const engine = { backend, manifest, readShard: async () => new Uint8Array() };
        const skipCacheBytes = 2 * 4 * 3 * 64 * 64;
        await restorePhoto(engine, photo, {
          task: 'haze',
          seed: 1,
          steps,
          ditOff: steps === 0,
          tile: 64,
          skipCacheBytes,
          events: paints ? { paint: () => undefined } : {},
        });
        const plan = planJob(manifest, backend, photo, 64, skipCacheBytes);
        const planned = plannedCalls(manifest, plan, steps, { paints });
        const total = [...planned.values()].reduce((sum, { count }) => sum + count, 0);
        expect(backend.ran.length + backend.downloads).toBe(total);
      }
    }
  });
});
