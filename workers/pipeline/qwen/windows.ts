/** Windows of the vision tower: which group comes where, and who sees whom (realrestorer.md D.4). */
import type { Grid } from './image.ts';

/**
 * Groups in the order of the windows: windows row by row, and in each its groups row by row. Windows at the right and the
 * bottom edge may be smaller.
 *
 * @param side groups a window has along one axis
 */
export function windowsOf({ rows, columns }: Grid, side: number): number[][] {
  const windows: number[][] = [];
  for (let top = 0; top < rows; top += side) {
    for (let left = 0; left < columns; left += side) {
      const window: number[] = [];
      for (let y = top; y < Math.min(rows, top + side); y++) {
        for (let x = left; x < Math.min(columns, left + side); x++) window.push(y * columns + x);
      }
      windows.push(window);
    }
  }
  return windows;
}

/** How attention in windows is one batched call: tokens laid out in rows of equal length, and back. */
export interface Batches {
  readonly count: number;
  readonly length: number;
  /** int32 `[count, length]`: the token that stands there; token 0 where there is none. */
  readonly rows: Int32Array;
  /** int32 `[tokens]`: where each token stands. */
  readonly back: Int32Array;
  /** float32 `[count, 1, length, length]`, added to the logits: -1e9 for places without a token. */
  readonly bias: Float32Array;
}

/** @param sizes tokens of each window; windows follow one another */
export function batchesOf(sizes: readonly number[]): Batches {
  const length = Math.max(...sizes);
  const rows = new Int32Array(sizes.length * length);
  const back = new Int32Array(sizes.reduce((a, b) => a + b, 0));
  const bias = new Float32Array(sizes.length * length * length);
  let token = 0;
  for (const [window, size] of sizes.entries()) {
    for (let i = 0; i < size; i++, token++) {
      rows[window * length + i] = token;
      back[token] = window * length + i;
    }
    for (let query = 0; query < length; query++) {
      const line = (window * length + query) * length;
      bias.fill(-1e9, line + size, line + length);
    }
  }
  return { count: sizes.length, length, rows, back, bias };
}

/** Where each group stands in an order of groups. */
export function inverseOf(order: ArrayLike<number>): Int32Array {
  const inverse = new Int32Array(order.length);
  for (let at = 0; at < order.length; at++) inverse[order[at] as number] = at;
  return inverse;
}
