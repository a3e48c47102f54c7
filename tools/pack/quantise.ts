/**
 * Quantisers of the pack builder. Pure.
 *
 * Layouts are those of docs/pack-format.md: MatMulNBits B with blocks of 32 along K (symmetric, zero point 8 or 128),
 * and signed bytes with one scale a row for convolutions. Scales are rounded to fp16 first, because that is what is stored.
 */
import { halfToNumber, numberToHalf } from '../../workers/packs/half.ts';

export const BLOCK = 32;

export interface Blocks {
  /** `[N, K/32, 16]` at 4 bits (low nibble first), `[N, K/32, 32]` at 8 bits. */
  readonly b: Uint8Array;
  /** fp16 bits, `[N, K/32]`. */
  readonly scales: Uint16Array;
}

const LOWEST_SCALE = 2 ** -24;

/** Adding and taking away 1.5 · 2^52 rounds a double of moderate size to the nearest integer (ties to even). */
const ROUND = 6755399441055744;

/** Where the search looks: the value of largest size lies this many steps below zero. Past 8 it is cut off a little. */
const REACHES = [7, 7.33, 7.66, 8, 8.33, 8.66, 9, 9.4];

/** The block under work, in float64, so that loops stay free of conversions. */
const x = new Float64Array(BLOCK);

/** Best scale so far, and how much of Σ x² it explains. */
let best = 0;
let gain = 0;

/** Fits scales to the levels that two inverse scales give; two at once, because the sums wait for one another. */
function tryInverses(first: number, second: number): void {
  let cross1 = 0;
  let square1 = 0;
  let cross2 = 0;
  let square2 = 0;
  for (let i = 0; i < BLOCK; i++) {
    const value = x[i] as number;
    const p = clamp4(value * first + ROUND - ROUND);
    const q = clamp4(value * second + ROUND - ROUND);
    cross1 += value * p;
    square1 += p * p;
    cross2 += value * q;
    square2 += q * q;
  }
  keepBetter(cross1, square1);
  keepBetter(cross2, square2);
}

function keepBetter(cross: number, square: number): void {
  if (cross * cross <= gain * square) return;
  gain = (cross * cross) / square;
  best = cross / square;
}

function clamp4(q: number): number {
  return q < -8 ? -8 : q > 7 ? 7 : q;
}

/**
 * The scale of a block whose values all lie on a 4-bit grid, or 0. `peak` is the value of largest size: it lies 1 to 8 steps
 * from zero, so only 8 scales come into question, and the first values of nearly any other block rule them out.
 */
function gridScale(peak: number): number {
  for (let steps = 8; steps >= 1; steps--) {
    const inverse = (steps === 8 ? -8 : steps) / peak;
    let i = 0;
    while (i < BLOCK && Math.abs((x[i] as number) * inverse - ((x[i] as number) * inverse + ROUND - ROUND)) < 1e-6) i++;
    if (i < BLOCK) continue;
    const scale = peak / (steps === 8 ? -8 : steps);
    if (isExact(scale)) return scale;
  }
  return 0;
}

/**
 * Scale of the block in `x` at 4 bits. For given levels the best scale is Σ x·l / Σ l², and what it leaves of Σ x² shrinks
 * as (Σ x·l)² / Σ l² grows: so levels are tried for scales all around, and the best fit is fitted once more. A negative scale
 * mirrors the grid -8 … 7, so that the longer side of it always lies where the largest value does.
 */
function scale4(peak: number): number {
  if (peak === 0) return 0;
  const onGrid = gridScale(peak);
  if (onGrid !== 0) return onGrid;
  best = 0;
  gain = 0;
  for (let i = 0; i < REACHES.length; i += 2) {
    tryInverses(-(REACHES[i] as number) / peak, -(REACHES[i + 1] as number) / peak);
  }
  tryInverses(1 / best, 1 / best);
  return storable(best);
}

/** Whether fp16 holds the scale and its grid every value of the block. */
function isExact(scale: number): boolean {
  if (halfToNumber(numberToHalf(scale)) !== scale) return false;
  for (const value of x) if (clamp4(value / scale + ROUND - ROUND) * scale !== value) return false;
  return true;
}

/**
 * Scale of the block in `x` at 8 bits: 127 steps to the largest value. Where the values lie on the 4-bit grid -8 … 7, a step
 * of which is 16 of these, 128 steps hold them exactly.
 */
function scale8(peak: number): number {
  const sixteenth = peak / -128;
  const exact =
    peak !== 0 &&
    halfToNumber(numberToHalf(sixteenth)) === sixteenth &&
    x.every((value) => Number.isInteger(value / sixteenth) && value / sixteenth < 128);
  return exact ? sixteenth : storable(Math.abs(peak) / 127);
}

/** As fp16 keeps it; 0 where that is under its range. */
function storable(scale: number): number {
  const rounded = halfToNumber(numberToHalf(scale));
  if (!Number.isFinite(rounded)) throw new Error('a weight is too large for a 16-bit scale');
  return Math.abs(rounded) < LOWEST_SCALE ? 0 : rounded;
}

function level(value: number, scale: number, half: number): number {
  return Math.min(half - 1, Math.max(-half, Math.round(value / scale)));
}

/** Takes the block into `x`; gives its value of largest size, NaN where one isn't finite. */
function take(values: Float32Array, from: number): number {
  let peak = 0;
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) {
    const value = values[from + i] as number;
    x[i] = value;
    sum += value - value;
    if (Math.abs(value) > Math.abs(peak)) peak = value;
  }
  return sum === 0 ? peak : Number.NaN;
}

/**
 * Quantises blocks that lie one behind the other.
 *
 * @param b 16 bytes (4 bits) or 32 (8 bits) a block
 * @param scales fp16 bits, one a block
 * @throws Error when a value isn't finite or a scale doesn't fit fp16
 */
export function quantiseInto(values: Float32Array, bits: 4 | 8, b: Uint8Array, scales: Uint16Array): void {
  for (let block = 0; block < scales.length; block++) {
    const peak = take(values, block * BLOCK);
    if (Number.isNaN(peak)) throw new Error('a weight is not finite');
    const scale = bits === 4 ? scale4(peak) : scale8(peak);
    scales[block] = numberToHalf(scale);
    if (bits === 4) put4(scale, b, block * (BLOCK / 2));
    else
      for (let i = 0; i < BLOCK; i++)
        b[block * BLOCK + i] = 128 + (scale === 0 ? 0 : level(x[i] as number, scale, 128));
  }
}

function put4(scale: number, b: Uint8Array, at: number): void {
  const inverse = scale === 0 ? 0 : 1 / scale;
  for (let i = 0; i < BLOCK; i += 2) {
    const low = 8 + clamp4((x[i] as number) * inverse + ROUND - ROUND);
    const high = 8 + clamp4((x[i + 1] as number) * inverse + ROUND - ROUND);
    b[at + (i >> 1)] = low | (high << 4);
  }
}

/**
 * Quantises the rows of a `[N, K]` matrix.
 *
 * @param bits 4 or 8
 * @throws Error when K is no multiple of 32 or a value isn't finite
 */
export function quantiseBlocks(values: Float32Array, n: number, k: number, bits: 4 | 8): Blocks {
  if (k % BLOCK !== 0) throw new Error(`K = ${k} is no multiple of ${BLOCK}`);
  const blocks = (n * k) / BLOCK;
  const b = new Uint8Array((n * k * bits) / 8);
  const scales = new Uint16Array(blocks);
  quantiseInto(values, bits, b, scales);
  return { b, scales };
}

/** Inverse of `quantiseBlocks`: `[N, K]` values. */
export function dequantiseBlocks(blocks: Blocks, n: number, k: number, bits: 4 | 8): Float32Array {
  const out = new Float32Array(n * k);
  for (let i = 0; i < out.length; i++) {
    const scale = halfToNumber(blocks.scales[Math.floor(i / BLOCK)] ?? 0);
    const q = bits === 8 ? (blocks.b[i] ?? 0) - 128 : (((blocks.b[i >> 1] ?? 0) >> (4 * (i & 1))) & 15) - 8;
    out[i] = q * scale;
  }
  return out;
}

/**
 * Quantises each row (output channel) to signed bytes.
 *
 * @returns the stored form `i8c`: `rows · rest` signed bytes, zero padding to 16, `rows` fp16 scales
 */
export function quantiseRows(values: Float32Array, rows: number): Uint8Array {
  const rest = values.length / rows;
  const padded = Math.ceil(values.length / 16) * 16;
  const out = new Uint8Array(padded + 2 * rows);
  const signed = new Int8Array(out.buffer, 0, values.length);
  const scales = new Uint16Array(out.buffer, padded, rows);
  for (let row = 0; row < rows; row++) {
    const part = values.subarray(row * rest, (row + 1) * rest);
    let largest = 0;
    for (const value of part) {
      if (!Number.isFinite(value)) throw new Error('a weight is not finite');
      largest = Math.max(largest, Math.abs(value));
    }
    const bits = numberToHalf(largest / 127);
    const scale = halfToNumber(bits);
    scales[row] = bits;
    for (let i = 0; i < rest; i++) signed[row * rest + i] = scale === 0 ? 0 : level(part[i] ?? 0, scale, 128);
  }
  return out;
}
