/** Between RGBA bytes (what canvases speak) and RGB bytes (what is kept), and the area average for the screen. Pure. */

export interface Rgb {
  readonly width: number;
  readonly height: number;
  /** 8-bit, `width · height · 3`, rows from the top. */
  readonly rgb: Uint8Array;
}

/** Pixels a band: 4 MiB of RGBA at a time instead of the whole photo twice. */
const BAND_PIXELS = 1 << 20;

/** Rows a band for a photo of this width. */
export function bandRows(width: number): number {
  return Math.max(1, Math.floor(BAND_PIXELS / width));
}

/** Copies the colours of `rgba` to `rgb` from pixel `at` on; answers whether any pixel is not opaque. */
export function takeRgb(rgba: Uint8ClampedArray, rgb: Uint8Array, at: number): boolean {
  let translucent = false;
  for (let from = 0, to = 3 * at; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from] as number;
    rgb[to + 1] = rgba[from + 1] as number;
    rgb[to + 2] = rgba[from + 2] as number;
    if ((rgba[from + 3] as number) < 255) translucent = true;
  }
  return translucent;
}

/** Pixels `at` to `at + count` of a photo as RGBA; opaque where there is no alpha plane. */
export function makeRgba(
  rgb: Uint8Array,
  alpha: Uint8Array | null,
  at: number,
  count: number,
): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(4 * count);
  for (let i = 0, from = 3 * at; i < count; i++, from += 3) {
    rgba[4 * i] = rgb[from] as number;
    rgba[4 * i + 1] = rgb[from + 1] as number;
    rgba[4 * i + 2] = rgb[from + 2] as number;
    rgba[4 * i + 3] = alpha ? (alpha[at + i] as number) : 255;
  }
  return rgba;
}

/** Size that fits into `maxSide` at the same aspect; never larger than the photo, at least 1 px a side. */
export function fitInto(width: number, height: number, maxSide: number): { width: number; height: number } {
  const factor = Math.min(1, maxSide / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

/**
 * The photo at another, not larger size as RGBA: each target pixel is the mean of the source pixels whose centres lie
 * in it (in the stored values, as browsers scale).
 */
export function shrinkToRgba(
  photo: Rgb,
  alpha: Uint8Array | null,
  width: number,
  height: number,
): Uint8ClampedArray<ArrayBuffer> {
  if (width === photo.width && height === photo.height) return makeRgba(photo.rgb, alpha, 0, width * height);
  const out = new Uint8ClampedArray(4 * width * height);
  const edge = (i: number, from: number, to: number) => Math.floor((i * from) / to);
  const sums = new Float64Array(4);
  for (let y = 0; y < height; y++) {
    const [top, bottom] = [edge(y, photo.height, height), edge(y + 1, photo.height, height)];
    for (let x = 0; x < width; x++) {
      const [left, right] = [edge(x, photo.width, width), edge(x + 1, photo.width, width)];
      sums.fill(0);
      for (let row = top; row < bottom; row++) addRow(photo, alpha, row * photo.width + left, right - left, sums);
      const count = (right - left) * (bottom - top);
      for (let c = 0; c < 4; c++) out[4 * (y * width + x) + c] = (sums[c] as number) / count;
    }
  }
  return out;
}

function addRow({ rgb }: Rgb, alpha: Uint8Array | null, at: number, count: number, sums: Float64Array): void {
  let [r, g, b, a] = [0, 0, 0, 0];
  for (let i = at; i < at + count; i++) {
    r += rgb[3 * i] as number;
    g += rgb[3 * i + 1] as number;
    b += rgb[3 * i + 2] as number;
    a += alpha ? (alpha[i] as number) : 255;
  }
  sums[0] = (sums[0] as number) + r;
  sums[1] = (sums[1] as number) + g;
  sums[2] = (sums[2] as number) + b;
  sums[3] = (sums[3] as number) + a;
}
