import { describe, expect, it } from 'vitest';
import type { Manifest } from '../packs/manifest.ts';
import { compare, mirror, OVERVIEW_CALLS, overviewOf } from './overview.ts';
import { decodeStep, restorePhoto } from './restore.ts';
import { blocks, engineOf, options } from './testing/toy-job.ts';
import { toyManifest } from './testing/toy-manifest.ts';

/** The toy's makes a thumbnail brighter by .25 of the range of 2, and its mirror image alike. */
const overview: NonNullable<Manifest['overview']> = {
  side: 32,
  sigma: 2,
  doubt: 3,
  tasks: [{ task: 'noise', instance: 'overview' }],
};
const BRIGHTER = 0.25 * 127.5;
const toy = () => engineOf(toyManifest({ start: { kind: 'reference', sigma: 0 } }, { overview }));
const meanOf = (rgb: Uint8Array) => rgb.reduce((sum, value) => sum + value, 0) / rgb.length;

describe('a job whose task has a look at the whole photo', () => {
  it.each([
    ['smaller than the thumbnail', 24, 16],
    ['of one tile', 96, 64],
    ['of many tiles', 400, 200],
  ])('takes large areas from it: a photo %s', async (_what, width, height) => {
    const { backend, engine } = toy();
    const photo = blocks(width, height);
    const { rgb, tiles } = await restorePhoto(engine, photo, options);
    expect(meanOf(rgb) - meanOf(photo.rgb)).toBeCloseTo(BRIGHTER, 0);
    expect(tiles > 1).toBe(width > 128);
    // The thumbnail and its mirror image.
    expect(backend.ran.filter((id) => id === 'overview')).toHaveLength(2);
    expect(backend.released).toContain('overview');
    expect(backend.live.size).toBe(0);
  });

  it('keeps it for steps that are made the result later', async () => {
    const { backend, engine } = toy();
    const photo = blocks(200, 96);
    const { kept, rgb } = await restorePhoto(engine, photo, options);
    const again = await decodeStep(engine, photo, kept, options.steps ?? 1);
    expect(again.rgb).toEqual(rgb);
    expect(backend.ran.filter((id) => id === 'overview')).toHaveLength(2);
  });

  it('tells of it as work before the first step, and ends at all of the work', async () => {
    const { engine } = toy();
    const told: { stage: string; fraction: number }[] = [];
    const progress = (now: { stage: string; fraction: number }) => told.push({ ...now });
    await restorePhoto(engine, blocks(96, 64), { ...options, events: { progress } });
    expect(told[0]?.stage).toBe('conditioning');
    expect(told.map(({ fraction }) => fraction)).toEqual(told.map(({ fraction }) => fraction).sort((a, b) => a - b));
    expect(told.at(-1)?.fraction).toBeCloseTo(1, 5);
  });

  it('does without it where the transformer is off, and for other tasks', async () => {
    for (const change of [{ ditOff: true }, { task: 'haze' as const }]) {
      const { backend, engine } = toy();
      await restorePhoto(engine, blocks(96, 64), { ...options, ...change });
      expect(backend.ran).not.toContain('overview');
    }
  });

  it('ends where what comes of it is no number', async () => {
    const { backend, engine } = toy();
    const run = backend.run.bind(backend);
    backend.run = async (id, feeds, more) => {
      const outputs = await run(id, feeds, more);
      if (id === 'overview')
        for (const { data } of Object.values(outputs) as { data?: Float32Array }[]) data?.fill(NaN);
      return outputs;
    };
    await expect(restorePhoto(engine, blocks(96, 64), options)).rejects.toMatchObject({ code: 'bad-numbers' });
    expect(backend.live.size).toBe(0);
  });
});

it('names the instance of a task', () => {
  expect(overviewOf({ overview }, 'noise')).toBe('overview');
  expect(overviewOf({ overview }, 'rain')).toBeUndefined();
  expect(overviewOf({}, 'noise')).toBeUndefined();
  expect([...OVERVIEW_CALLS.values()].every(({ count }) => count === 2)).toBe(true);
});

it('turns every line of every plane round', () => {
  expect([...mirror(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), 2)]).toEqual([2, 1, 4, 3, 6, 5, 8, 7]);
});

describe('two looks at a thumbnail', () => {
  const thumb = Float32Array.of(0, 0, 0, 0);

  it('agree where they say the same, and where nothing is changed', () => {
    const same = Float32Array.of(0.5, 0.25, -0.5, 0);
    expect(compare(thumb, same, same, 4)).toEqual({ mean: same, agreement: 1 });
    expect(compare(thumb, thumb, thumb, 4).agreement).toBe(1);
  });

  it('agree less the further apart they are', () => {
    const [one, other] = [Float32Array.of(0.6, 0.6, 0, 0), Float32Array.of(0.2, 0.2, 0, 0)];
    const { mean, agreement } = compare(thumb, one, other, 3);
    for (const [i, value] of [0.4, 0.4, 0, 0].entries()) expect(mean[i]).toBeCloseTo(value);
    // .4 moved, .2 apart from there, both twice.
    expect(agreement).toBeCloseTo(0.16 / (0.16 + 3 * 0.04));
    expect(compare(thumb, one, other, 0).agreement).toBe(1);
  });

  it('say nothing beyond black and white', () => {
    const { mean, agreement } = compare(thumb, Float32Array.of(1.5, 0, 0, 0), Float32Array.of(3, 0, 0, 0), 4);
    expect([...mean]).toEqual([1, 0, 0, 0]);
    expect(agreement).toBe(1);
  });
});
