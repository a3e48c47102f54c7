import { describe, expect, it } from 'vitest';
import { makeLatents } from './latents.ts';
import type { Photo } from './photo.ts';
import { decodedPicture, linearPicture, linearRgb } from './preview.ts';
import { thumbnail } from './thumb.ts';

function ramp(width: number, height: number): Photo {
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rgb.set([2 * x, 3 * y, 128], 3 * (y * width + x));
  return { width, height, rgb };
}

describe('thumbnail', () => {
  it('is the mean of whole cells where the size divides', () => {
    const thumb = thumbnail(ramp(64, 32), 8);
    // Column 3 holds x = 24 … 31 (mean 27.5), row 2 holds y = 8 … 11 (mean 9.5).
    expect(thumb[2 * 8 + 3]).toBeCloseTo((2 * 27.5) / 127.5 - 1, 5);
    expect(thumb[64 + 2 * 8 + 3]).toBeCloseTo((3 * 9.5) / 127.5 - 1, 5);
    expect(thumb[128 + 9]).toBeCloseTo(128 / 127.5 - 1, 5);
  });

  it('shares px between cells where it does not', () => {
    const rgb = new Uint8Array(3 * 3).fill(0);
    rgb.set([255, 255, 255], 3);
    const thumb = thumbnail({ width: 3, height: 1, rgb }, 2);
    // Each half has 1.5 px, a third of it the bright middle px.
    expect(thumb[0]).toBeCloseTo(2 / 3 - 1, 5);
    expect(thumb[1]).toBeCloseTo(2 / 3 - 1, 5);
  });

  it('keeps the mean of photos of awkward sizes, larger and smaller than itself', () => {
    for (const [width, height] of [
      [101, 67],
      [64, 64],
      [5, 3],
      [1, 1],
      [1000, 1],
    ] as const) {
      const photo = ramp(width, height);
      const mean = photo.rgb.filter((_, i) => i % 3 === 0).reduce((sum, level) => sum + level, 0) / (width * height);
      const thumb = thumbnail(photo, 64).slice(0, 4096);
      expect(thumb.reduce((sum, value) => sum + value, 0) / 4096).toBeCloseTo(mean / 127.5 - 1, 4);
    }
  });
});

const map = {
  matrix: [
    [0.5, 0],
    [0, 1],
    [1, -1],
  ],
  bias: [0.25, 0, 0],
};

describe('previews', () => {
  it('map latents linearly to RGB', () => {
    const latents = makeLatents(2, 1, 2, Float32Array.of(0.5, -1, 0.25, 0.5));
    expect([...linearRgb(map, latents)]).toEqual([0.5, -0.25, 0.25, 0.5, 0.25, -1.5]);
    expect([...linearRgb(map, latents, false)].slice(0, 2)).toEqual([0.25, -0.5]);
  });

  it('draw a core at reduced size', () => {
    const latents = makeLatents(2, 4, 4);
    latents.data.fill(0.5, 0, 16);
    const tile = { x: 32, y: 0, width: 32, height: 32 };
    const core = { x: 40, y: 0, width: 24, height: 30 };
    const picture = linearPicture({ map, latents }, tile, core, 8, 2);
    expect([picture.width, picture.height]).toEqual([12, 15]);
    // Red 0.5 · 0.5 + 0.25 = 0.5, green 0, blue 0.5.
    expect([...picture.rgba.slice(0, 4)]).toEqual([191, 128, 191, 255]);
    expect(picture.rgba).toHaveLength(4 * 12 * 15);
  });

  it('of skip packs are the photo plus the change of the latents', () => {
    const photo = ramp(32, 32);
    const reference = makeLatents(2, 4, 4);
    reference.data.fill(0.3);
    const tile = { x: 0, y: 0, width: 32, height: 32 };
    const same = linearPicture({ map, latents: reference, base: { reference, photo } }, tile, tile, 8, 1);
    expect([...same.rgba.slice(4 * (5 * 32 + 7), 4 * (5 * 32 + 7) + 4)]).toEqual([14, 15, 128, 255]);
    const moved = { ...reference, data: reference.data.map((z, i) => (i < 16 ? z + 0.4 : z)) };
    const other = linearPicture({ map, latents: moved, base: { reference, photo } }, tile, tile, 8, 1);
    // Red 14 + 0.5 · 0.4 · 127.5 = 39.5, blue 128 + 51.
    expect(Math.abs((other.rgba[4 * (5 * 32 + 7)] ?? 0) - 39.5)).toBeLessThanOrEqual(0.5);
    expect(other.rgba[4 * (5 * 32 + 7) + 2]).toBe(179);
  });

  it('of decoded tiles are cut to the core', () => {
    const pixels = new Float32Array(3 * 16).map((_, i) => (i % 16) / 7.5 - 1);
    const picture = decodedPicture(pixels, { x: 8, y: 8, width: 4, height: 4 }, { x: 9, y: 10, width: 2, height: 1 });
    expect([...picture.rgba]).toEqual([153, 153, 153, 255, 170, 170, 170, 255]);
  });
});
