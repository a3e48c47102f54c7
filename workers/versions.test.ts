import { describe, expect, it } from 'vitest';
import type { Recipe } from './photo/meta/xmp.ts';
import { StepHistory } from './pipeline/history.ts';
import type { KeptJob } from './pipeline/job.ts';
import { Versions } from './versions.ts';

const recipe: Recipe = {
  task: 'noise',
  steps: 2,
  seed: 0,
  kept: 2,
  amount: 1,
  strength: 1,
  masked: false,
  pack: 'small',
  packVersion: '1',
  packHash: '',
  app: '',
};
const kept: KeptJob = { task: 'noise', tile: 64, strength: 1, steps: 1, history: new StepHistory(1, [1, 1, 1]) };
const origin = { recipe, base: [] };
const photo = { width: 2, height: 1, rgb: new Uint8Array(6) };
const flat = (level: number) => new Uint8Array(6).fill(level);

describe('Versions', () => {
  it('stacks results, each with its share', async () => {
    const versions = new Versions();
    versions.add(5, flat(100), origin, kept);
    versions.add(7, flat(200), origin, kept);
    const half = { strength: 0.5, mask: null };
    expect([...(await versions.shown(photo, []))]).toEqual([...photo.rgb]);
    expect([...(await versions.shown(photo, [{ version: 5, ...half }]))]).toEqual([...flat(50)]);
    const both = [
      { version: 5, ...half },
      { version: 7, ...half },
    ];
    expect([...(await versions.shown(photo, both))]).toEqual([...flat(125)]);
    expect(versions.recipeOf({ version: 5, ...half }, '9')).toEqual({ ...recipe, strength: 0.5, app: '9' });
  });

  it('gives back what it put aside, whichever was used last', async () => {
    const versions = new Versions();
    for (let id = 1; id <= 6; id++) versions.add(id, flat(id), origin, kept);
    for (const id of [1, 6, 3, 2, 5, 4, 1]) expect([...(await versions.restored(id))]).toEqual([...flat(id)]);
    versions.park();
    for (const id of [2, 6]) expect([...(await versions.restored(id))]).toEqual([...flat(id)]);
    expect(versions.newest).toBe(6);
    expect(versions.stepsOf(6)).toEqual({ kept, base: [] });
    expect(versions.stepsOf(5)).toBeNull();
  });

  it('replaces a result by another of its steps, and forgets', async () => {
    const versions = new Versions();
    versions.add(1, flat(1), origin, kept);
    versions.add(2, flat(2), origin, kept);
    versions.replace(2, flat(9), kept);
    expect([...(await versions.restored(2))]).toEqual([...flat(9)]);
    versions.setStep(2, 1);
    expect(versions.recipeOf({ version: 2, strength: 1, mask: null }, '').kept).toBe(1);
    versions.drop(2);
    expect(versions.newest).toBe(1);
    await expect(versions.restored(2)).rejects.toMatchObject({ code: 'internal' });
  });

  it('finds what the newest result was made of, whatever another job started from and did not end', async () => {
    const versions = new Versions();
    versions.add(1, flat(100), origin, kept);
    const half = [{ version: 1, strength: 0.5, mask: null }];
    versions.add(2, flat(200), { recipe, base: half }, kept);
    // A job that starts from the second result and is cancelled.
    const other = await versions.input(photo, [...half, { version: 2, strength: 1, mask: null }]);
    expect([...other.rgb]).toEqual([...flat(200)]);
    const steps = versions.stepsOf(versions.newest);
    expect(steps).toEqual({ kept, base: half });
    expect([...(await versions.input(photo, steps?.base ?? [])).rgb]).toEqual([...flat(50)]);
    // Another of its steps is made of the same.
    versions.replace(2, flat(9), kept);
    expect(versions.stepsOf(2)?.base).toBe(half);
  });
});
