/** Rotary tables of vision tower and language model, both for rotation of halves (realrestorer.md D.4). */
import type { Grid } from './image.ts';

/** cos and sin, float32 `[1, tokens, headDim / 2]`. */
export interface Tables {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly dims: readonly [number, number, number];
}

/** theta^(-2i/d) for i = 0 … d/2 - 1. */
const ladder = (width: number, theta: number) =>
  Float64Array.from({ length: width / 2 }, (_, i) => theta ** ((-2 * i) / width));

function tables(tokens: number, half: number, angle: (token: number, i: number) => number): Tables {
  const cos = new Float32Array(tokens * half);
  const sin = new Float32Array(tokens * half);
  for (let token = 0, at = 0; token < tokens; token++) {
    for (let i = 0; i < half; i++, at++) {
      // In float64: torch's float32 angles differ from these by less than 1e-4 rad at the positions in use.
      const value = angle(token, i);
      cos[at] = Math.cos(value);
      sin[at] = Math.sin(value);
    }
  }
  return { cos, sin, dims: [1, tokens, half] };
}

/**
 * Patches by row and column: the first half of the frequencies turns with the row, the second with the column.
 *
 * @param order groups in the order of the windows
 * @param merge patches a group along one axis
 */
export function visionTables(
  { columns }: Grid,
  order: ArrayLike<number>,
  merge: number,
  headDim: number,
  theta = 10000,
): Tables {
  const perGroup = merge * merge;
  const frequencies = ladder(headDim / 2, theta);
  const half = headDim / 2;
  return tables(order.length * perGroup, half, (token, i) => {
    const group = order[Math.floor(token / perGroup)] as number;
    const part = token % perGroup;
    const row = Math.floor(group / columns) * merge + Math.floor(part / merge);
    const column = (group % columns) * merge + (part % merge);
    return i < half / 2 ? row * (frequencies[i] as number) : column * (frequencies[i - half / 2] as number);
  });
}

/** Time, row and column of a token. */
export type Position = readonly [t: number, row: number, column: number];

export const textPosition = (at: number): Position => [at, at, at];

/** Positions of the image's groups, row by row; `start` is the next free position. Text goes on at `after`. */
export function imagePositions({ rows, columns }: Grid, start: number): { positions: Position[]; after: number } {
  const positions: Position[] = [];
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) positions.push([start, start + y, start + x]);
  return { positions, after: start + Math.max(rows, columns) };
}

/**
 * M-RoPE: frequency i turns with the position of the section that it lies in.
 *
 * @param sections frequencies that follow time, row and column; their sum is half a head
 */
export function languageTables(
  positions: readonly Position[],
  sections: readonly [number, number, number],
  theta: number,
): Tables {
  const half = sections[0] + sections[1] + sections[2];
  const frequencies = ladder(2 * half, theta);
  const axis = Int32Array.from({ length: half }, (_, i) =>
    i < sections[0] ? 0 : i < sections[0] + sections[1] ? 1 : 2,
  );
  return tables(positions.length, half, (token, i) => {
    const position = positions[token] as Position;
    return (position[axis[i] as 0 | 1 | 2] as number) * (frequencies[i] as number);
  });
}
