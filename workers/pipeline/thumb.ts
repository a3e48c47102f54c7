import { type Area, areas } from './areas.ts';
import type { Photo } from './photo.ts';

/**
 * The whole photo averaged by area into a square, aspect ignored: what the conditioning sees of it.
 * Where the photo is smaller than the square, a cell is the share-weighted mean of the px it lies in.
 *
 * @returns float32 `[3, side, side]` in [-1,1]
 */
export function thumbnail(photo: Photo, side: number): Float32Array {
  const out = new Float32Array(3 * side * side);
  eachRow(photo, side, side, (row, line) => {
    for (let c = 0; c < 3; c++) {
      for (let x = 0; x < side; x++) out[(c * side + row) * side + x] = (line[3 * x + c] as number) / 127.5 - 1;
    }
  });
  return out;
}

/** The photo averaged by area to another size. */
export function reduced(photo: Photo, width: number, height: number): Photo {
  const rgb = new Uint8Array(3 * width * height);
  eachRow(photo, width, height, (row, line) => {
    for (let i = 0; i < line.length; i++) rgb[3 * width * row + i] = Math.round(line[i] as number);
  });
  return { width, height, rgb };
}

/** Rows of averages, R, G and B side by side, 0 to 255; the array is used again for the next row. */
function eachRow(photo: Photo, width: number, height: number, take: (row: number, line: Float64Array) => void): void {
  const columns = areas(photo.width, width);
  const line = new Float64Array(3 * width);
  areas(photo.height, height).forEach(({ first, shares }, row) => {
    line.fill(0);
    for (let k = 0; k < shares.length; k++) {
      const start = (first + k) * photo.width;
      columns.forEach((column, x) => {
        addCell(line, 3 * x, photo.rgb, start, column, shares[k] as number);
      });
    }
    take(row, line);
  });
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
