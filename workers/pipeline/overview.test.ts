import { describe, expect, it } from 'vitest';
import type { Manifest } from '../packs/manifest.ts';
import { OVERVIEW_CALLS, overviewOf } from './overview.ts';
import { decodeStep, restorePhoto } from './restore.ts';
import { blocks, engineOf, options } from './testing/toy-job.ts';
import { toyManifest } from './testing/toy-manifest.ts';

/** The toy's makes a thumbnail brighter by .25 of the range of 2; three quarters of that are done. */
const overview: NonNullable<Manifest['overview']> = {
  side: 32,
  sigma: 2,
  share: 0.75,
  tasks: [{ task: 'noise', instance: 'overview' }],
};
const BRIGHTER = 0.75 * 0.25 * 127.5;
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
    expect(backend.ran.filter((id) => id === 'overview')).toHaveLength(1);
    expect(backend.released).toContain('overview');
    expect(backend.live.size).toBe(0);
  });

  it('keeps it for steps that are made the result later', async () => {
    const { backend, engine } = toy();
    const photo = blocks(200, 96);
    const { kept, rgb } = await restorePhoto(engine, photo, options);
    const again = await decodeStep(engine, photo, kept, options.steps ?? 1);
    expect(again.rgb).toEqual(rgb);
    expect(backend.ran.filter((id) => id === 'overview')).toHaveLength(1);
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
  expect([...OVERVIEW_CALLS.values()].every(({ count }) => count === 1)).toBe(true);
});
