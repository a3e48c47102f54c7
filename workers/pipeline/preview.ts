/** Pictures of unfinished latents: a linear map to RGB, cheap enough for every tile of every step. */
import type { Manifest } from '../packs/manifest.ts';
import type { Latents, Rect } from './latents.ts';
import { type Photo, reflect } from './photo.ts';

/** RGBA for a canvas. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8ClampedArray;
}

type LinearMap = Pick<Manifest['preview'], 'matrix' | 'bias'>;

/**
 * `rgb = matrix · z + bias`, per latent.
 *
 * @param useBias off for differences of latents
 * @returns float32 `[3, h, w]`, about [-1,1]
 */
export function linearRgb(map: LinearMap, latents: Latents, useBias = true): Float32Array {
  const plane = latents.height * latents.width;
  const out = new Float32Array(3 * plane);
  for (let rgb = 0; rgb < 3; rgb++) {
    const row = map.matrix[rgb] ?? [];
    out.fill(useBias ? (map.bias[rgb] ?? 0) : 0, rgb * plane, (rgb + 1) * plane);
    for (let c = 0; c < latents.channels; c++) {
      const weight = row[c] ?? 0;
      for (let i = 0; i < plane; i++) {
        out[rgb * plane + i] = (out[rgb * plane + i] as number) + weight * (latents.data[c * plane + i] as number);
      }
    }
  }
  return out;
}

/** One value of a plane between cells, bilinear, cell centres at half-integers, edges held. */
function between(plane: Float32Array, offset: number, width: number, height: number, x: number, y: number): number {
  const left = Math.min(width - 1, Math.max(0, Math.floor(x - 0.5)));
  const top = Math.min(height - 1, Math.max(0, Math.floor(y - 0.5)));
  const right = Math.min(width - 1, left + 1);
  const bottom = Math.min(height - 1, top + 1);
  const fx = Math.min(1, Math.max(0, x - 0.5 - left));
  const fy = Math.min(1, Math.max(0, y - 0.5 - top));
  const at = (px: number, py: number) => plane[offset + py * width + px] as number;
  const upper = at(left, top) * (1 - fx) + at(right, top) * fx;
  const lower = at(left, bottom) * (1 - fx) + at(right, bottom) * fx;
  return upper * (1 - fy) + lower * fy;
}

/**
 * What a picture is made of. `base` gives the level (0 to 255) under the map: nothing for packs whose decoder makes the
 * whole picture from latents, the photo for those whose decoder adds to it.
 */
export interface PreviewSource {
  readonly map: LinearMap;
  /** Clean estimate of the tile. */
  readonly latents: Latents;
  /** Reference latents of the tile and the photo, for `latents+skips` packs. */
  readonly base?: { readonly reference: Latents; readonly photo: Photo };
}

/**
 * Draws `core` of a tile, `cells` px of the photo to a drawn px.
 *
 * @param tile the tile's place in the photo
 * @param core the part to draw, inside the tile
 * @param factor px a latent
 */
export function linearPicture(source: PreviewSource, tile: Rect, core: Rect, factor: number, divisor: number): Picture {
  const { latents, base, map } = source;
  const shown = base ? difference(latents, base.reference) : latents;
  const rgb = linearRgb(map, shown, !base);
  const plane = latents.width * latents.height;
  const width = Math.max(1, Math.ceil(core.width / divisor));
  const height = Math.max(1, Math.ceil(core.height / divisor));
  const rgba = new Uint8ClampedArray(4 * width * height);
  for (let y = 0; y < height; y++) {
    const py = core.y + Math.min(core.height, (y + 0.5) * divisor);
    for (let x = 0; x < width; x++) {
      const px = core.x + Math.min(core.width, (x + 0.5) * divisor);
      const to = 4 * (y * width + x);
      for (let c = 0; c < 3; c++) {
        const delta = between(
          rgb,
          c * plane,
          latents.width,
          latents.height,
          (px - tile.x) / factor,
          (py - tile.y) / factor,
        );
        rgba[to + c] = delta * 127.5 + (base ? level(base.photo, px, py, c) : 127.5);
      }
      rgba[to + 3] = 255;
    }
  }
  return { width, height, rgba };
}

/** The photo's level at a point, from the px it lies in. */
function level(photo: Photo, x: number, y: number, channel: number): number {
  const column = reflect(Math.min(Math.floor(x), photo.width - 1), photo.width);
  const line = reflect(Math.min(Math.floor(y), photo.height - 1), photo.height);
  return photo.rgb[3 * (line * photo.width + column) + channel] as number;
}

function difference(a: Latents, b: Latents): Latents {
  return { ...a, data: a.data.map((value, i) => value - (b.data[i] as number)) };
}

/**
 * Decoded pixels of a tile as a picture of its core.
 *
 * @param pixels float32 `[3, tile.height, tile.width]` in [-1,1]
 */
export function decodedPicture(pixels: Float32Array, tile: Rect, core: Rect): Picture {
  const rgba = new Uint8ClampedArray(4 * core.width * core.height);
  const plane = tile.width * tile.height;
  for (let y = 0; y < core.height; y++) {
    let from = (core.y - tile.y + y) * tile.width + core.x - tile.x;
    for (let to = 4 * y * core.width, end = to + 4 * core.width; to < end; to += 4, from++) {
      for (let c = 0; c < 3; c++) rgba[to + c] = (pixels[c * plane + from] as number) * 127.5 + 127.5;
      rgba[to + 3] = 255;
    }
  }
  return { width: core.width, height: core.height, rgba };
}
