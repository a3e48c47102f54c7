import { describe, expect, it } from 'vitest';
import { TASK_IDS } from '../../workers/packs/manifest.ts';
import { hashOf, readRecipe, spread } from './set.ts';

const recipe = await readRecipe();

describe('the frozen test set', () => {
  it('is the one that was frozen before the model was trained', () => {
    expect(hashOf(recipe)).toBe('bae7d25d0a7430bdbbfe3d8026c0dbc053dca1fb24441fb11a4d7f14b5bc5cc2');
  });

  it.each(TASK_IDS)('has every photo once for %s, and a mean PSNR inside its band', (task) => {
    const items = recipe.items.filter((item) => item.task === task);
    expect(items.map(({ photo }) => photo)).toEqual(recipe.clean.map(({ photo }) => photo));
    const mean = items.reduce((sum, { psnr }) => sum + psnr, 0) / items.length;
    const [low, high] = recipe.bands[task];
    expect(mean).toBeGreaterThan(low);
    expect(mean).toBeLessThan(high);
  });

  it('is taken in an order that holds every photo once, fewer among more', () => {
    const photos = recipe.clean.map(({ photo }) => photo);
    const all = spread(photos, Number.POSITIVE_INFINITY);
    expect([...all].sort()).toEqual(photos);
    expect(spread(photos, 14)).toEqual(all.slice(0, 14));
  });
});
