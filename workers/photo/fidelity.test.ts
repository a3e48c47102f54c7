import { describe, expect, it } from 'vitest';
import { random } from '../testing/fuzz.ts';
import { barelyChanged, fidelityOf, heatMap } from './fidelity.ts';

const [W, H] = [64, 48];
const flat = (level: number) => new Uint8Array(3 * W * H).fill(level);

describe('fidelityOf', () => {
  it('finds nothing in equal pictures', () => {
    expect(fidelityOf(flat(90), flat(90), W, H)).toEqual({ psnr: null, ssim: 1, changed: 0, most: 0 });
  });

  it('gives the numbers of the formulas for a shift of brightness', () => {
    const { psnr, ssim, changed, most } = fidelityOf(flat(100), flat(110), W, H);
    expect(psnr).toBeCloseTo(20 * Math.log10(255 / 10), 6);
    // Without structure only the term of luminance is left.
    expect(ssim).toBeCloseTo((2 * 100 * 110 + 6.5025) / (100 ** 2 + 110 ** 2 + 6.5025), 6);
    expect([changed, most]).toEqual([1, 10]);
  });

  it('counts pixels, not channels, and only what is seen', () => {
    const after = flat(100);
    after[0] = 103;
    after[1] = 120;
    after[3] = 102;
    expect(fidelityOf(flat(100), after, W, H)).toMatchObject({ changed: 1 / (W * H), most: 20 });
  });

  it('falls to about 0 for noise that has nothing to do with the photo', () => {
    const draw = random(3);
    const noise = () => Uint8Array.from({ length: 3 * W * H }, () => draw.below(256));
    expect(Math.abs(fidelityOf(noise(), noise(), W, H).ssim)).toBeLessThan(0.1);
  });

  it('takes sizes that no window divides', () => {
    const before = new Uint8Array(3 * 9 * 1).fill(7);
    expect(fidelityOf(before, before, 9, 1).ssim).toBe(1);
  });
});

describe('barelyChanged', () => {
  it('is true of what nobody sees: one level everywhere, or a speck', () => {
    expect(barelyChanged(flat(90), flat(90))).toBe(true);
    expect(barelyChanged(flat(90), flat(91))).toBe(true);
    const speck = flat(90);
    speck[30] = 150;
    expect(barelyChanged(flat(90), speck)).toBe(true);
  });

  it('is false of two levels everywhere, and of a corner that is restored', () => {
    expect(barelyChanged(flat(90), flat(92))).toBe(false);
    const corner = flat(90).fill(120, 0, 3 * W * 2);
    expect(barelyChanged(flat(90), corner)).toBe(false);
  });
});

describe('heatMap', () => {
  it('is clear where nothing changed, and a single pixel is not averaged away', () => {
    const after = flat(100);
    after.fill(200, 3 * (20 * W + 33), 3 * (20 * W + 34));
    const map = heatMap(flat(100), after, W, H, 16);
    expect([map.width, map.height]).toEqual([16, 12]);
    const alpha = (x: number, y: number) => map.rgba[4 * (y * 16 + x) + 3] as number;
    expect(alpha(8, 5)).toBeGreaterThan(200);
    expect(alpha(2, 2)).toBe(0);
  });
});
