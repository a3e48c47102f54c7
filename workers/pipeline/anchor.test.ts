import { describe, expect, it } from 'vitest';
import { type Anchor, anchorSize, holdTo } from './anchor.ts';
import type { Rect } from './latents.ts';

const WIDTH = 400;
const HEIGHT = 300;

/** A small picture with one slope in each channel, as an anchor of the photo. */
function slopes(): Anchor {
  const [width, height] = [100, 75];
  const rgb = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rgb.set([50 + x, 200 - y, 90 + Math.round((x + y) / 2)], 3 * (y * width + x));
  }
  return { picture: { width, height, rgb }, sigma: 4, width: WIDTH, height: HEIGHT };
}

const sizeOf = ({ width, height }: Rect) => width * height;

/** A tile of one value, with a fine pattern of ±.1 on it. */
function tileOf(rect: Rect, value: number): Float32Array {
  const plane = sizeOf(rect);
  return Float32Array.from({ length: 3 * plane }, (_, i) => {
    const [x, y] = [i % rect.width, Math.floor((i % plane) / rect.width)];
    return value + ((x + y) % 2 === 0 ? 0.1 : -0.1);
  });
}

describe('holdTo', () => {
  const left: Rect = { x: 0, y: 48, width: 256, height: 208 };
  const right: Rect = { x: 144, y: 48, width: 256, height: 208 };

  it('makes tiles agree where they overlap, whatever each was like', () => {
    const anchor = slopes();
    const [a, b] = [tileOf(left, -0.4), tileOf(right, 0.3)];
    holdTo(anchor, a, left);
    holdTo(anchor, b, right);
    let most = 0;
    for (let c = 0; c < 3; c++) {
      for (let y = 0; y < left.height; y++) {
        for (let x = right.x; x < left.width; x++) {
          const at = a[(c * left.height + y) * left.width + x] as number;
          const other = b[(c * right.height + y) * right.width + x - right.x] as number;
          most = Math.max(most, Math.abs(at - other));
        }
      }
    }
    // The slope of the small picture, .0078 a px of it, cut off at a tile's edge: at most 4 px (sigma) of it.
    expect(most).toBeLessThan(0.035);
  });

  it('gives the small picture’s value where that is even', () => {
    const anchor = slopes();
    anchor.picture.rgb.fill(200);
    const pixels = tileOf(left, -0.4);
    holdTo(anchor, pixels, left);
    const mean = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
    expect(mean).toBeCloseTo(200 / 127.5 - 1, 5);
  });

  it('goes the share of the way that it is told', () => {
    const anchor = { ...slopes(), share: 0.7 };
    anchor.picture.rgb.fill(200);
    const pixels = tileOf(left, -0.4);
    holdTo(anchor, pixels, left);
    const mean = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
    expect(mean).toBeCloseTo(0.7 * (200 / 127.5 - 1) + 0.3 * -0.4, 5);
  });

  it('leaves fine detail as it is', () => {
    const anchor = slopes();
    anchor.picture.rgb.fill(128);
    const pixels = tileOf(left, 0.2);
    holdTo(anchor, pixels, left);
    const row = 100 * left.width;
    for (let x = 40; x < 200; x++) {
      expect(Math.abs((pixels[row + x] as number) - (pixels[row + x + 1] as number))).toBeCloseTo(0.2, 4);
    }
  });

  it('changes nothing where the tile already agrees', () => {
    const anchor = slopes();
    anchor.picture.rgb.fill(170);
    const pixels = new Float32Array(3 * sizeOf(left)).fill(170 / 127.5 - 1);
    holdTo(anchor, pixels, left);
    const most = pixels.reduce((worst, value) => Math.max(worst, Math.abs(value - (170 / 127.5 - 1))), 0);
    expect(most).toBeLessThan(1e-6);
  });
});

describe('anchorSize', () => {
  const manifest = { anchor: { side: 384, sigma: 8, tasks: ['haze' as const] } };

  it('fits the longer side', () => {
    expect(anchorSize(manifest, 'haze', { width: 4000, height: 3000 })).toEqual({ width: 384, height: 288 });
    expect(anchorSize(manifest, 'haze', { width: 20, height: 20000 })).toEqual({ width: 1, height: 384 });
  });

  it('is none for small photos, other tasks and other packs', () => {
    expect(anchorSize(manifest, 'haze', { width: 384, height: 300 })).toBeNull();
    expect(anchorSize(manifest, 'noise', { width: 4000, height: 3000 })).toBeNull();
    expect(anchorSize({}, 'haze', { width: 4000, height: 3000 })).toBeNull();
  });
});
