import { describe, expect, it } from 'vitest';
import type { AutoSpec } from '../packs/manifest.ts';
import { proposeTask, restoreAuto } from './auto.ts';
import { choose, softmax } from './auto-choice.ts';
import { cropPlaces, withoutRepeats } from './auto-crops.ts';
import type { Engine } from './job.ts';
import type { Photo } from './photo.ts';
import { decodeStep, restorePhoto } from './restore.ts';
import { ToyBackend } from './testing/toy.ts';
import { TOY_AUTO, toyManifest } from './testing/toy-manifest.ts';

const places = (width: number, height: number, count = 8) =>
  cropPlaces(width, height, 128, count).map(({ x, y }) => [x, y]);

describe('crops', () => {
  it('lie on an even grid of 4 × 2, on multiples of 8 px', () => {
    // (1000 - 128) / 3 = 290.67 and its multiples, rounded down.
    expect(places(1000, 600)).toEqual([0, 472].flatMap((y) => [0, 288, 576, 872].map((x) => [x, y])));
  });

  it('turn with the photo; a square counts as landscape', () => {
    expect(places(600, 1000)).toEqual([0, 288, 576, 872].flatMap((y) => [0, 472].map((x) => [x, y])));
    expect(new Set(places(512, 512).map(([x]) => x)).size).toBe(4);
  });

  it('stay inside the photo, and begin at 0 where it is smaller than they are', () => {
    for (const [width, height] of [
      [129, 4000],
      [1237, 2049],
      [8000, 130],
      [131, 131],
    ] as const) {
      for (const [x = 0, y = 0] of places(width, height)) {
        expect([x % 8, y % 8]).toEqual([0, 0]);
        expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
        expect(x + 128).toBeLessThanOrEqual(width);
        expect(y + 128).toBeLessThanOrEqual(height);
      }
    }
    expect(new Set(places(100, 90).flat())).toEqual(new Set([0]));
  });

  it('are taken once where all are there equally often', () => {
    const kept = (width: number, height: number) => withoutRepeats(cropPlaces(width, height, 128, 8)).length;
    expect(kept(96, 96)).toBe(1);
    expect(kept(128, 1000)).toBe(4);
    expect(kept(1000, 1000)).toBe(8);
    // 0, 0, 0 and 8: the mean over all eight is not that over two.
    expect(kept(136, 128)).toBe(8);
  });
});

describe('the choice', () => {
  const spec: Pick<AutoSpec, 'classes' | 'threshold'> = { classes: ['noise', 'haze', 'clean'], threshold: 0.8 };
  const logits = (...probabilities: number[]) => probabilities.map(Math.log);

  it('is the likeliest task, taken whole from the threshold on', () => {
    const { top, task, sure, strength, classes } = choose(spec, logits(0.1, 0.85, 0.05));
    expect([top, task, strength]).toEqual(['haze', 'haze', 1]);
    expect(sure).toBeCloseTo(0.85, 12);
    expect(classes.map(({ id }) => id)).toEqual(['haze', 'noise', 'clean']);
  });

  it('leaves alone what looks clean, and still names the likeliest task', () => {
    expect(choose(spec, logits(0.3, 0.1, 0.6))).toMatchObject({ top: 'clean', task: 'noise', strength: 0 });
  });

  it('in between blends by how likely the photo is clean', () => {
    expect(choose(spec, logits(0.5, 0.1, 0.4)).strength).toBeCloseTo(5 / 9, 12);
    expect(choose(spec, logits(0.5, 0.49, 0.01)).strength).toBeCloseTo(50 / 51, 12);
    // A clean photo that is called anything else without being sure gains at least this many dB on a whole job.
    const gain = -20 * Math.log10(choose(spec, logits(0.4, 0.21, 0.39)).strength);
    expect(gain).toBeGreaterThan(5.8);
  });

  it('takes logits of any size, and refuses what is none', () => {
    expect(softmax([1e4, 1e4 - 1000, -1e4])).toEqual([1, 0, 0]);
    expect(softmax([0, 0])).toEqual([0.5, 0.5]);
    expect(() => choose(spec, [1, 2])).toThrow(RangeError);
    expect(() => choose(spec, [1, Number.NaN, 2])).toThrow(RangeError);
    expect(() => choose({ ...spec, classes: ['clean', 'noise'] }, [1, Number.POSITIVE_INFINITY])).toThrow(RangeError);
  });
});

function engineOf(auto = true): { engine: Engine; backend: ToyBackend } {
  const manifest = toyManifest({ decoderInputs: 'latents+skips' }, auto ? { auto: TOY_AUTO } : {});
  const backend = new ToyBackend(manifest);
  return { backend, engine: { backend, manifest, readShard: async () => new Uint8Array() } };
}

function flat(r: number, g: number, b: number, width = 40, height = 24): Photo {
  return { width, height, rgb: Uint8Array.from({ length: 3 * width * height }, (_, i) => [r, g, b][i % 3] ?? 0) };
}

describe('a pack that proposes', () => {
  it('says what the graph says, frees everything, and needs one call', async () => {
    const { engine, backend } = engineOf();
    expect(await proposeTask(engine, flat(250, 10, 10))).toMatchObject({ top: 'noise', strength: 1 });
    expect(await proposeTask(engine, flat(10, 250, 10))).toMatchObject({ top: 'haze' });
    expect(await proposeTask(engine, flat(10, 10, 250))).toMatchObject({ top: 'clean', strength: 0 });
    expect(backend.ran).toEqual(['auto', 'auto', 'auto']);
    expect(backend.live.size).toBe(0);
  });

  it('is null without a network for it', async () => {
    const { engine, backend } = engineOf(false);
    expect(await proposeTask(engine, flat(1, 2, 3))).toBeNull();
    expect(backend.ran).toEqual([]);
    const none = restoreAuto(engine, flat(1, 2, 3), { seed: 1 });
    await expect(none).rejects.toMatchObject({ message: 'This pack proposes no task. Name one.' });
  });

  it('can be cancelled at its call', async () => {
    const { engine, backend } = engineOf();
    const abort = new AbortController();
    const asked = proposeTask(engine, flat(9, 9, 9), abort.signal);
    abort.abort();
    await expect(asked).rejects.toMatchObject({ code: 'cancelled' });
    expect(backend.live.size).toBe(0);
  });

  it('makes the job that it proposes, or none', async () => {
    const { engine } = engineOf();
    const dark = flat(250, 10, 10);
    const { proposal, result } = await restoreAuto(engine, dark, { seed: 3 });
    expect(proposal.task).toBe('noise');
    const plain = await restorePhoto(engine, dark, { seed: 3, task: 'noise' });
    expect(Buffer.compare(result?.rgb ?? Buffer.of(), plain.rgb)).toBe(0);
    expect((await restoreAuto(engine, flat(10, 10, 250), { seed: 3 })).result).toBeNull();
  });
});

describe('strength', () => {
  it('keeps so much of the change, in the result and in a step that is kept', async () => {
    const { engine } = engineOf();
    const photo = flat(90, 120, 100, 70, 50);
    const whole = await restorePhoto(engine, photo, { seed: 3, task: 'haze', tile: 64 });
    const half = await restorePhoto(engine, photo, { seed: 3, task: 'haze', tile: 64, strength: 0.5 });
    const none = await restorePhoto(engine, photo, { seed: 3, task: 'haze', tile: 64, strength: 0 });
    expect(Buffer.compare(none.rgb, photo.rgb)).toBe(0);
    let changed = 0;
    whole.rgb.forEach((value, i) => {
      const own = photo.rgb[i] ?? 0;
      changed += Math.abs(value - own);
      // Rounded once for each of the two.
      if (value > 0 && value < 255) expect(Math.abs((half.rgb[i] ?? 0) - (own + value) / 2)).toBeLessThanOrEqual(0.76);
    });
    expect(changed / whole.rgb.length).toBeGreaterThan(5);
    const kept = await decodeStep(engine, photo, half.kept, half.steps);
    expect(Buffer.compare(kept.rgb, half.rgb)).toBe(0);
  });
});
