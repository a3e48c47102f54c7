/** Arai, Agui and Nakajima's 8 × 8 forward DCT (as in libjpeg's jfdctflt). Its scaling is undone when quantising. Pure. */

const SCALES = [1, 1.387039845, 1.306562965, 1.175875602, 1, 0.785694958, 0.5411961, 0.275899379];

/** What to multiply a coefficient with, to get its level. */
export function quantFactors(table: Uint8Array): Float32Array {
  return Float32Array.from(table, (step, i) => 1 / (step * (SCALES[i >> 3] as number) * (SCALES[i & 7] as number) * 8));
}

/** In place; row by row. */
export function forwardDct(block: Float32Array): void {
  for (let i = 0; i < 64; i += 8) pass(block, i, 1);
  for (let i = 0; i < 8; i++) pass(block, i, 8);
}

function pass(d: Float32Array, at: number, by: number): void {
  const d0 = d[at] as number;
  const d1 = d[at + by] as number;
  const d2 = d[at + 2 * by] as number;
  const d3 = d[at + 3 * by] as number;
  const d4 = d[at + 4 * by] as number;
  const d5 = d[at + 5 * by] as number;
  const d6 = d[at + 6 * by] as number;
  const d7 = d[at + 7 * by] as number;
  const s07 = d0 + d7;
  const s16 = d1 + d6;
  const s25 = d2 + d5;
  const s34 = d3 + d4;
  const t07 = d0 - d7;
  const t16 = d1 - d6;
  const t25 = d2 - d5;
  const t34 = d3 - d4;
  const even0 = s07 + s34;
  const even3 = s07 - s34;
  const even1 = s16 + s25;
  const even2 = s16 - s25;
  d[at] = even0 + even1;
  d[at + 4 * by] = even0 - even1;
  const turn = (even2 + even3) * Math.SQRT1_2;
  d[at + 2 * by] = even3 + turn;
  d[at + 6 * by] = even3 - turn;
  const odd0 = t34 + t25;
  const odd1 = t25 + t16;
  const odd2 = t16 + t07;
  const z5 = (odd0 - odd2) * 0.382683433;
  const z2 = 0.5411961 * odd0 + z5;
  const z4 = 1.306562965 * odd2 + z5;
  const z3 = odd1 * Math.SQRT1_2;
  const z11 = t07 + z3;
  const z13 = t07 - z3;
  d[at + 5 * by] = z13 + z2;
  d[at + 3 * by] = z13 - z2;
  d[at + by] = z11 + z4;
  d[at + 7 * by] = z11 - z4;
}
