/** Pictures of unfinished latents: a linear map to RGB, cheap enough for every tile of every step. */
import type { Manifest } from '../packs/manifest.ts';
import type { Latents, Rect } from './latents.ts';
import type { Photo } from './photo.ts';

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

/** For each drawn px of an axis: the two cells it lies between and how far it is towards the second, edges held. */
interface Taps {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly share: Float32Array;
}

/** @param places in cells; cell centres lie at half-integers */
function bilinearTaps(places: readonly number[], cells: number): Taps {
  const hold = (cell: number) => Math.min(cells - 1, Math.max(0, cell));
  const floors = places.map((place) => Math.floor(place - 0.5));
  return {
    low: Int32Array.from(floors, hold),
    high: Int32Array.from(floors, (cell) => hold(cell + 1)),
    share: Float32Array.from(places, (place, i) => place - 0.5 - (floors[i] as number)),
  };
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
  const xs = drawnPlaces(core.x, core.width, divisor);
  const ys = drawnPlaces(core.y, core.height, divisor);
  const columns = bilinearTaps(
    xs.map((x) => (x - tile.x) / factor),
    latents.width,
  );
  const lines = bilinearTaps(
    ys.map((y) => (y - tile.y) / factor),
    latents.height,
  );
  const plane = latents.width * latents.height;
  const rgba = new Uint8ClampedArray(4 * xs.length * ys.length).fill(255);
  for (let y = 0; y < ys.length; y++) {
    const upper = (lines.low[y] as number) * latents.width;
    const lower = (lines.high[y] as number) * latents.width;
    const shareY = lines.share[y] as number;
    const photoLine = base ? 3 * base.photo.width * Math.floor(ys[y] as number) : 0;
    for (let x = 0; x < xs.length; x++) {
      const left = columns.low[x] as number;
      const right = columns.high[x] as number;
      const shareX = columns.share[x] as number;
      const to = 4 * (y * xs.length + x);
      const from = photoLine + 3 * Math.floor(xs[x] as number);
      for (let c = 0; c < 3; c++) {
        const at = c * plane;
        const top = mix(rgb[at + upper + left] as number, rgb[at + upper + right] as number, shareX);
        const bottom = mix(rgb[at + lower + left] as number, rgb[at + lower + right] as number, shareX);
        const under = base ? (base.photo.rgb[from + c] as number) : 127.5;
        rgba[to + c] = mix(top, bottom, shareY) * 127.5 + under;
      }
    }
  }
  return { width: xs.length, height: ys.length, rgba };
}

const mix = (a: number, b: number, share: number): number => a + (b - a) * share;

/** Photo px that the drawn px show, one every `divisor`, inside the core. */
function drawnPlaces(start: number, length: number, divisor: number): number[] {
  const count = Math.max(1, Math.ceil(length / divisor));
  return Array.from({ length: count }, (_, i) => start + Math.min(length - 0.5, (i + 0.5) * divisor));
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
