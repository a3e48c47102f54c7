import type { Photo } from './photo.ts';

/** Sources and shares of the output cells of one axis: cell i is the mean of positions i·n/side … (i+1)·n/side. */
function areas(length: number, side: number): { first: number; shares: number[] }[] {
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
    shares.forEach((shareY, k) => {
      const start = (first + k) * photo.width * 3;
      columns.forEach((column, x) => {
        column.shares.forEach((shareX, j) => {
          const from = start + (column.first + j) * 3;
          const share = shareX * shareY;
          for (let c = 0; c < 3; c++) {
            line[3 * x + c] = (line[3 * x + c] as number) + share * (photo.rgb[from + c] as number);
          }
        });
      });
    });
    for (let c = 0; c < 3; c++) {
      for (let x = 0; x < side; x++) out[(c * side + row) * side + x] = (line[3 * x + c] as number) / 127.5 - 1;
    }
  });
  return out;
}
