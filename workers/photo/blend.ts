/** How much of a restoration goes into the result, and where. Pure. */

/** Where a restoration applies: 0 nowhere, 255 fully. Any size; stretched over the photo, linear between its cells. */
export interface Mask {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export interface Blend {
  /** 0 to 1. */
  readonly strength: number;
  readonly mask: Mask | null;
}

export const ALL: Blend = { strength: 1, mask: null };

/**
 * Shares of the restoration in one line of the photo, 0 to 1.
 *
 * @param out one value a px
 */
export function lineShares(
  { strength, mask }: Blend,
  y: number,
  width: number,
  height: number,
  out: Float32Array,
): void {
  if (!mask) {
    out.fill(strength);
    return;
  }
  const { data } = mask;
  const place = (at: number, from: number, to: number) => Math.min(to - 1, Math.max(0, ((at + 0.5) * to) / from - 0.5));
  const row = place(y, height, mask.height);
  const upper = Math.floor(row);
  const lower = Math.min(mask.height - 1, upper + 1);
  const shareY = row - upper;
  for (let x = 0; x < width; x++) {
    const column = place(x, width, mask.width);
    const left = Math.floor(column);
    const right = Math.min(mask.width - 1, left + 1);
    const shareX = column - left;
    const at = (line: number) => {
      const a = data[line * mask.width + left] as number;
      return a + ((data[line * mask.width + right] as number) - a) * shareX;
    };
    const top = at(upper);
    out[x] = (strength * (top + (at(lower) - top) * shareY)) / 255;
  }
}

/** `given + share · (restored - given)` for 8-bit RGB, lines `top` to `top + rows`. */
export function blendLines(
  given: Uint8Array,
  restored: Uint8Array,
  blend: Blend,
  size: { readonly width: number; readonly height: number },
  top: number,
  rows: number,
): Uint8Array {
  const { width, height } = size;
  const from = 3 * top * width;
  const part = restored.subarray(from, from + 3 * rows * width);
  if (blend.strength === 1 && !blend.mask) return part;
  const out = new Uint8Array(part.length);
  const shares = new Float32Array(width);
  for (let y = 0; y < rows; y++) {
    lineShares(blend, top + y, width, height, shares);
    for (let x = 0; x < width; x++) {
      const share = shares[x] as number;
      for (let at = 3 * (y * width + x), end = at + 3; at < end; at++) {
        const before = given[from + at] as number;
        out[at] = Math.round(before + share * ((part[at] as number) - before));
      }
    }
  }
  return out;
}
