/**
 * How a photo is cut into overlapping tiles. All sizes in px; every tile of a photo has the same size, so that one set
 * of compiled shapes and RoPE tables serves the whole job.
 */
import type { Rect } from './latents.ts';

/** The pieces of one axis. */
export interface Axis {
  /** Padded length, a multiple of the unit. */
  readonly length: number;
  /** Length of every piece. */
  readonly size: number;
  /** Where each piece starts, rising, multiples of the unit; the last one ends at `length`. */
  readonly starts: readonly number[];
}

export interface Tile extends Rect {
  readonly index: number;
  readonly row: number;
  readonly column: number;
  /** The part that this tile paints in previews: up to the middle of its overlaps. Cores cover the photo once. */
  readonly core: Rect;
}

export interface TilePlan {
  /** The photo's own size. */
  readonly width: number;
  readonly height: number;
  /** Size after padding by reflection at the right and at the bottom. */
  readonly paddedWidth: number;
  readonly paddedHeight: number;
  readonly unit: number;
  readonly x: Axis;
  readonly y: Axis;
  /** Row by row. */
  readonly tiles: readonly Tile[];
}

export const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/**
 * Cuts one axis: as few pieces as `side` and `overlap` allow, then every piece as short as that number allows (1040 px
 * at side 1024 and overlap 128 become two pieces of 592, not two of 1024).
 *
 * @param length of the photo along this axis, at least 1
 * @param side longest piece, a multiple of `unit`
 * @param overlap least overlap of neighbours, a multiple of `unit`, below `side`
 */
export function cutAxis(length: number, side: number, overlap: number, unit: number): Axis {
  if (side % unit || overlap % unit || overlap >= side || overlap < 0) {
    throw new RangeError(`side ${side} and overlap ${overlap} don't fit unit ${unit}`);
  }
  const padded = roundUp(Math.max(1, length), unit);
  if (padded <= side) return { length: padded, size: padded, starts: [0] };
  const count = Math.ceil((padded - overlap) / (side - overlap));
  const size = roundUp((padded + (count - 1) * overlap) / count, unit);
  const travel = (padded - size) / unit;
  const starts = Array.from({ length: count }, (_, i) => Math.round((i * travel) / (count - 1)) * unit);
  return { length: padded, size, starts };
}

/** Middles of the overlaps, with 0 and `end` around them: where the cores of the pieces meet. */
function cuts(axis: Axis, end: number): number[] {
  const inner = axis.starts.slice(1).map((start, i) => {
    const earlierEnd = (axis.starts[i] ?? 0) + axis.size;
    return Math.min(end, Math.floor((start + earlierEnd) / 2));
  });
  return [0, ...inner, end];
}

/**
 * @param width photo width in px
 * @param height photo height in px
 * @param side longest side of a tile, a multiple of `unit`
 * @param overlap least overlap, a multiple of `unit`
 * @param unit factor × patch of the family
 */
export function planTiles(width: number, height: number, side: number, overlap: number, unit: number): TilePlan {
  const x = cutAxis(width, side, overlap, unit);
  const y = cutAxis(height, side, overlap, unit);
  const xCuts = cuts(x, width);
  const yCuts = cuts(y, height);
  const tiles = y.starts.flatMap((top, row) =>
    x.starts.map((left, column): Tile => {
      const [x0 = 0, x1 = width] = xCuts.slice(column, column + 2);
      const [y0 = 0, y1 = height] = yCuts.slice(row, row + 2);
      return {
        index: row * x.starts.length + column,
        row,
        column,
        x: left,
        y: top,
        width: x.size,
        height: y.size,
        core: { x: x0, y: y0, width: x1 - x0, height: y1 - y0 },
      };
    }),
  );
  return { width, height, paddedWidth: x.length, paddedHeight: y.length, unit, x, y, tiles };
}

/**
 * Feather weights of every piece along one axis. Weights of a piece rise from 0 to 1 over its overlap with the piece
 * before and fall over that with the piece behind; the outer eighth of an overlap gets no weight at all, as the values
 * there were computed with zero padding in sight. Normalised: at every position the pieces' weights sum to 1.
 *
 * @param scale cells a px: 1 for pixels, 1/8 for latents
 * @returns one array of `size · scale` weights a piece
 */
export function featherWeights(axis: Axis, scale: number): Float32Array[] {
  const size = axis.size * scale;
  const starts = axis.starts.map((start) => start * scale);
  const raw = starts.map((start, i) => {
    const before = i > 0 ? (starts[i - 1] as number) + size - start : 0;
    const behind = i + 1 < starts.length ? start + size - (starts[i + 1] as number) : 0;
    return Float64Array.from({ length: size }, (_, at) => ramp(at, before) * ramp(size - 1 - at, behind));
  });
  const total = new Float64Array(axis.length * scale);
  raw.forEach((weights, i) => {
    weights.forEach((weight, at) => {
      const place = (starts[i] as number) + at;
      total[place] = (total[place] as number) + weight;
    });
  });
  return raw.map((weights, i) =>
    Float32Array.from(weights, (weight, at) => weight / (total[(starts[i] as number) + at] as number)),
  );
}

/** Weight of the cell `at` cells inside a piece whose overlap is `overlap` cells wide. */
function ramp(at: number, overlap: number): number {
  const margin = Math.floor(overlap / 8);
  return Math.min(1, Math.max(0, (at - margin + 0.5) / Math.max(1, overlap - 2 * margin)));
}
