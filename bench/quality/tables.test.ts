import { describe, expect, it } from 'vitest';
import { kindOf, readRecipe } from './set.ts';
import { kindTable } from './tables.ts';

const scores = (psnr: number) => ({ psnr, ssim: 0, resnet: 0, gmsd: 0 });

describe('the table of kinds', () => {
  it('has the means of the pictures of each kind, in the order of the alphabet', () => {
    const columns = { input: [20, 22, 30].map(scores), ours: [25, 24, 29].map(scores) };
    const kinds: Record<string, string> = { a: 'webp', b: 'webp', c: 'jpeg' };
    const text = kindTable(
      [{ task: 'compression', photos: ['a', 'b', 'c'], columns }],
      (_, photo) => kinds[photo] ?? '',
    );
    expect(text.split('\n').slice(2)).toEqual([
      '| compression: jpeg | 1 | 30.00 → 29.00 | -1.00 |',
      '| compression: webp | 2 | 21.00 → 24.50 | 3.50 |',
    ]);
  });

  it('takes the kinds from the frozen set', async () => {
    const recipe = await readRecipe();
    expect(kindOf(recipe, 'compression', '0010')).toBe('webp');
    expect(() => kindOf(recipe, 'compression', 'none')).toThrow(RangeError);
  });
});
