import { describe, expect, it } from 'vitest';
import type { Manifest } from '../packs/manifest.ts';
import type { Progress } from '../protocol.ts';
import type { Paint } from './job.ts';
import { decodeStep, restorePhoto } from './restore.ts';
import { blocks, engineOf, expectedLevel, options, worstError } from './testing/toy-job.ts';
import { toyManifest } from './testing/toy-manifest.ts';

describe('what a job tells', () => {
  it('paints every px once a step and once more at the decode', async () => {
    const photo = blocks(130, 90);
    const { engine } = engineOf(toyManifest({ decoderInputs: 'latents+skips' }));
    const painted = new Map<string, number>();
    const steps: number[] = [];
    const areas: number[] = [0, 0, 0, 0, 0];
    const last: Paint[] = [];
    await restorePhoto(engine, photo, {
      ...options,
      tile: 64,
      events: {
        paint: (paint) => {
          painted.set(`${paint.step}`, (painted.get(`${paint.step}`) ?? 0) + paint.w * paint.h);
          areas[paint.step] = (areas[paint.step] ?? 0) + paint.w * paint.h;
          expect(paint.rgba).toHaveLength(4 * paint.width * paint.height);
          last.push(paint);
        },
        step: (step) => steps.push(step),
      },
    });
    expect(areas).toEqual([0, 130 * 90, 130 * 90, 130 * 90, 2 * 130 * 90]);
    expect(steps).toEqual([1, 2, 3, 4]);
    expect(last.at(-1)).toMatchObject({ step: 4 });
  });

  it('decodes every step for its preview where the pack asks for that', async () => {
    const base = toyManifest({ decoderInputs: 'latents+skips' });
    const manifest: Manifest = { ...base, preview: { ...base.preview, kind: 'decoder' } };
    const { backend, engine } = engineOf(manifest);
    const sizes: number[] = [];
    await restorePhoto(engine, blocks(64, 64), { ...options, events: { paint: ({ width }) => sizes.push(width) } });
    expect(sizes).toEqual([64, 64, 64, 64]);
    expect(backend.ran.filter((id) => id === 'dec.skips')).toHaveLength(4);
    expect(backend.live.size).toBe(0);
  });

  it('paints by the linear map where the skips of some tile are not kept', async () => {
    const base = toyManifest({ decoderInputs: 'latents+skips' });
    const manifest: Manifest = { ...base, preview: { ...base.preview, kind: 'decoder' } };
    const { backend, engine } = engineOf(manifest);
    const painted: number[] = [];
    await restorePhoto(engine, blocks(200, 70), {
      ...options,
      tile: 64,
      skipCacheBytes: 0,
      events: { paint: ({ step }) => painted.push(step) },
    });
    const tiles = backend.ran.filter((id) => id === 'dec.skips').length;
    expect(tiles).toBeGreaterThan(1);
    // Four steps by the map, and the decode.
    expect(painted).toHaveLength(5 * tiles);
    // The thumbnail, each tile for its latents, and each once more for its decode: never for a preview.
    expect(backend.ran.filter((id) => id === manifest.vae.encode[0])).toHaveLength(1 + 2 * tiles);
  });

  it('has progress that never falls, knows the time and ends at 1', async () => {
    for (const decoderInputs of ['latents', 'latents+skips'] as const) {
      const { engine } = engineOf(toyManifest({ decoderInputs }));
      const seen: Progress[] = [];
      const { milliseconds, longestCallMs } = await restorePhoto(engine, blocks(200, 70), {
        ...options,
        tile: 64,
        skipCacheBytes: 0,
        events: { progress: (progress) => seen.push({ ...progress }) },
      });
      seen.forEach(({ fraction }, i) => {
        expect(fraction).toBeGreaterThanOrEqual(seen[i - 1]?.fraction ?? 0);
      });
      expect(seen.at(-1)).toMatchObject({ stage: 'decode', fraction: 1, secondsLeft: 0, step: 4, steps: 4 });
      expect(seen.slice(0, -1).every(({ fraction }) => fraction < 1)).toBe(true);
      expect(new Set(seen.map(({ stage }) => stage))).toEqual(new Set(['conditioning', 'encode', 'denoise', 'decode']));
      const { conditioning, encode, denoise, decode, total } = milliseconds;
      expect(conditioning + encode + denoise + decode).toBeCloseTo(total, 6);
      expect(longestCallMs).toBeGreaterThan(0);
    }
  });

  it('gives every attention call the chunks of the plan', async () => {
    const { backend, engine } = engineOf(toyManifest());
    await restorePhoto(engine, blocks(64, 64), options);
    expect([...backend.chunks]).toEqual([1]);
  });
});

describe('keeping a step', () => {
  it('decodes its clean estimate z - t v', async () => {
    for (const decoderInputs of ['latents', 'latents+skips'] as const) {
      const { backend, engine } = engineOf(toyManifest({ decoderInputs }));
      const photo = blocks(120, 80);
      const job = await restorePhoto(engine, photo, { ...options, tile: 64 });
      expect(job.kept.history.available()).toEqual([1, 2, 3, 4]);
      const added = decoderInputs === 'latents' ? 0 : 12.75;
      for (const step of [1, 2, 4]) {
        const { rgb, steps } = await decodeStep(engine, photo, job.kept, step);
        expect(steps).toBe(4);
        // Before step k the difference is (3/4)^(k-1); the estimate takes off t = 1 - (k-1)/4 of it.
        const product = 0.75 ** (step - 1) * (1 - (1 - (step - 1) / 4));
        const expected = (x: number, y: number, c: number) =>
          Math.min(255, expectedLevel(photo, x, y, c, 0.5, product) + added);
        expect(worstError(photo, rgb, expected)).toBeLessThan(0.75);
      }
      await expect(decodeStep(engine, photo, job.kept, 5)).rejects.toMatchObject({ code: 'step-not-kept' });
      expect(backend.live.size).toBe(0);
    }
  });
});
