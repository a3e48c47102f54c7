/** The photo as the pipeline sees it, and how its pixels enter the graphs. */
import type { Rect } from './latents.ts';

export interface Photo {
  /** px, after orientation. */
  readonly width: number;
  readonly height: number;
  /** 8-bit RGB, `width · height · 3`, rows from the top. */
  readonly rgb: Uint8Array;
}

/** Index of a position beyond the end, mirrored about the last one (which is not repeated): 0 1 2 1 0 1 2 … */
export function reflect(at: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const place = at % period;
  return place < length ? place : period - place;
}

/**
 * Pixels of a rectangle of the padded photo for the encoder.
 *
 * @param rect may reach beyond the right and the bottom edge, where the photo is reflected
 * @returns float32 `[3, rect.height, rect.width]` in [-1,1]
 */
export function cropPixels(photo: Photo, rect: Rect): Float32Array {
  const plane = rect.width * rect.height;
  const out = new Float32Array(3 * plane);
  const columns = Int32Array.from({ length: rect.width }, (_, x) => 3 * reflect(rect.x + x, photo.width));
  for (let y = 0; y < rect.height; y++) {
    const line = 3 * photo.width * reflect(rect.y + y, photo.height);
    const to = y * rect.width;
    for (let x = 0; x < rect.width; x++) {
      const from = line + (columns[x] as number);
      out[to + x] = (photo.rgb[from] as number) / 127.5 - 1;
      out[plane + to + x] = (photo.rgb[from + 1] as number) / 127.5 - 1;
      out[2 * plane + to + x] = (photo.rgb[from + 2] as number) / 127.5 - 1;
    }
  }
  return out;
}
