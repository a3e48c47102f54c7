/**
 * Rotary position tables of the image tokens. Ids are (axis 0, row, column); axis 0 is 0 for the target and may be 1
 * for the reference. Text tokens have ids (0,0,0), are never rotated and have no rows here.
 */
import type { Switches } from '../packs/manifest.ts';

export interface RopeSpec {
  /** Features a head spends on each axis; all even, their sum is headDim. */
  readonly axesDim: readonly [number, number, number];
  readonly theta: number;
}

export interface RopeTables {
  /** float32 `[1, n, headDim / 2]`, axis 0's angles first. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly dims: readonly [number, number, number];
}

/** Added to row and column ids. Attention sees differences of ids only, so a common offset changes nothing. */
export interface RopeOffset {
  readonly row: number;
  readonly column: number;
}

/**
 * Angles are id · theta^(-2i/d) for i = 0 … d/2 - 1 on an axis of width d, in float64; tables in float32.
 *
 * @param rows token rows of the tile
 * @param columns token columns of the tile
 * @param reference how the reference enters: as `tokens` it has its own rows behind the target's, with the same row
 *   and column ids
 */
export function ropeTables(
  spec: RopeSpec,
  rows: number,
  columns: number,
  reference: Switches['reference'],
  offset: RopeOffset = { row: 0, column: 0 },
): RopeTables {
  const firstIds = reference.kind === 'tokens' ? [0, reference.axis0] : [0];
  const n = firstIds.length * rows * columns;
  const half = (spec.axesDim[0] + spec.axesDim[1] + spec.axesDim[2]) / 2;
  const cos = new Float32Array(n * half);
  const sin = new Float32Array(n * half);
  const frequencies = spec.axesDim.map((width) =>
    Array.from({ length: width / 2 }, (_, i) => spec.theta ** ((-2 * i) / width)),
  );
  let at = 0;
  for (const first of firstIds) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const ids = [first, row + offset.row, column + offset.column];
        frequencies.forEach((ladder, axis) => {
          for (const frequency of ladder) {
            const angle = (ids[axis] ?? 0) * frequency;
            cos[at] = Math.cos(angle);
            sin[at] = Math.sin(angle);
            at++;
          }
        });
      }
    }
  }
  return { cos, sin, dims: [1, n, half] };
}
