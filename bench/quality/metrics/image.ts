/** Pictures as planes of numbers, and the filters that the metrics share. Pure. */

/** 8-bit RGB, `width · height · 3`, row by row. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

/** One number a pixel, row by row. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly values: Float64Array;
}

/** @throws RangeError unless both have the same size */
export function mustMatch(a: Picture, b: Picture): void {
  if (a.width !== b.width || a.height !== b.height) {
    throw new RangeError(`${a.width} × ${a.height} px against ${b.width} × ${b.height} px`);
  }
}

/** One channel (0 to 2), in 0..255. */
export function channel({ width, height, rgb }: Picture, index: number): Plane {
  const values = Float64Array.from({ length: width * height }, (_, i) => rgb[3 * i + index] ?? 0);
  return { width, height, values };
}

/** Luma of ITU-R BT.601, in 0..255. */
export function luma({ width, height, rgb }: Picture): Plane {
  const values = new Float64Array(width * height);
  for (let i = 0; i < values.length; i++) {
    values[i] = 0.299 * (rgb[3 * i] ?? 0) + 0.587 * (rgb[3 * i + 1] ?? 0) + 0.114 * (rgb[3 * i + 2] ?? 0);
  }
  return { width, height, values };
}

/** Correlation with `across` along rows and `down` along columns, where both lie wholly inside. */
export function filter(plane: Plane, across: readonly number[], down: readonly number[]): Plane {
  const width = plane.width - across.length + 1;
  const rows = new Float64Array(width * plane.height);
  for (let y = 0; y < plane.height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < across.length; k++) sum += (across[k] ?? 0) * (plane.values[y * plane.width + x + k] ?? 0);
      rows[y * width + x] = sum;
    }
  }
  const height = plane.height - down.length + 1;
  const values = new Float64Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < down.length; k++) sum += (down[k] ?? 0) * (rows[(y + k) * width + x] ?? 0);
      values[y * width + x] = sum;
    }
  }
  return { width, height, values };
}

/** Another plane, number by number. */
export function combine(a: Plane, b: Plane, value: (a: number, b: number) => number): Plane {
  return { ...a, values: a.values.map((left, i) => value(left, b.values[i] ?? 0)) };
}

export function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
