import type { Photo } from './photo.ts';

interface Area {
  readonly first: number;
  readonly shares: readonly number[];
}

/** Sources and shares of the output cells of one axis: cell i is the mean of positions i·n/side … (i+1)·n/side. */
function areas(length: number, side: number): Area[] {
  const step = length / side;
  return Array.from({ length: side }, (_, i) => {
    const from = i * step;
    const to = (i + 1) * step;
    const first = Math.floor(from);
    const end = Math.min(length, Math.ceil(to - 1e-9));
    const shares = Array.from({ length: Math.max(1, end - first) }, (_, k) => {
      const covered = Math.min(to, first + k + 1) - Math.max(from, first + k);
      return covered / step;
    });
    return { first, shares };
  });
}

/**
 * The whole photo averaged by area into a square, aspect ignored: what the conditioning sees of it.
 * Where the photo is smaller than the square, a cell is the share-weighted mean of the px it lies in.
 *
 * @returns float32 `[3, side, side]` in [-1,1]
 */
export function thumbnail(photo: Photo, side: number): Float32Array {
  const out = new Float32Array(3 * side * side);
  const columns = areas(photo.width, side);
  const line = new Float64Array(3 * side);
  areas(photo.height, side).forEach(({ first, shares }, row) => {
    line.fill(0);
    for (let k = 0; k < shares.length; k++) {
      const start = (first + k) * photo.width;
      columns.forEach((column, x) => {
        addCell(line, 3 * x, photo.rgb, start, column, shares[k] as number);
      });
    }
    for (let c = 0; c < 3; c++) {
      for (let x = 0; x < side; x++) out[(c * side + row) * side + x] = (line[3 * x + c] as number) / 127.5 - 1;
    }
  });
  return out;
}

/** Adds one line of one cell to the cell's R, G and B at `to`. */
function addCell(
  sums: Float64Array,
  to: number,
  rgb: Uint8Array,
  start: number,
  { first, shares }: Area,
  shareY: number,
): void {
  let red = 0;
  let green = 0;
  let blue = 0;
  let from = 3 * (start + first);
  for (let j = 0; j < shares.length; j++, from += 3) {
    const share = shares[j] as number;
    red += share * (rgb[from] as number);
    green += share * (rgb[from + 1] as number);
    blue += share * (rgb[from + 2] as number);
  }
  sums[to] = (sums[to] as number) + shareY * red;
  sums[to + 1] = (sums[to + 1] as number) + shareY * green;
  sums[to + 2] = (sums[to + 2] as number) + shareY * blue;
}
