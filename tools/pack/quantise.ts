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

/** Scale candidates for values with the given extremes; the best one is chosen by squared error. */
function candidates(low: number, high: number, bits: 4 | 8): number[] {
  const top = bits === 4 ? 7 : 127;
  const bottom = top + 1;
  const symmetric = Math.max(-low, high) / top;
  // One more level on the negative side: a block whose largest value is negative may use it, and a negative scale mirrors it.
  const lopsided = -low > high ? -low / bottom : -(high / bottom);
  return bits === 8 ? [symmetric, lopsided] : [symmetric, lopsided, symmetric * 0.93, lopsided * 0.95];
}

function level(value: number, scale: number, half: number): number {
  return Math.min(half - 1, Math.max(-half, Math.round(value / scale)));
}

/**
 * Quantises the rows of a `[N, K]` matrix.
 *
 * @param bits 4 or 8
 * @throws Error when K is no multiple of 32 or a value isn't finite
 */
export function quantiseBlocks(values: Float32Array, n: number, k: number, bits: 4 | 8): Blocks {
  if (k % BLOCK !== 0) throw new Error(`K = ${k} is no multiple of ${BLOCK}`);
  const half = bits === 4 ? 8 : 128;
  const perBlock = bits === 4 ? BLOCK / 2 : BLOCK;
  const blocks = (n * k) / BLOCK;
  const b = new Uint8Array(blocks * perBlock);
  const scales = new Uint16Array(blocks);
  for (let block = 0; block < blocks; block++) {
    const part = values.subarray(block * BLOCK, (block + 1) * BLOCK);
    const scale = bestScale(part, bits, half);
    scales[block] = numberToHalf(scale);
    for (let i = 0; i < BLOCK; i++) {
      const q = half + (scale === 0 ? 0 : level(part[i] ?? 0, scale, half));
      if (bits === 8) b[block * perBlock + i] = q;
      else b[block * perBlock + (i >> 1)] = (b[block * perBlock + (i >> 1)] ?? 0) | (q << (4 * (i & 1)));
    }
  }
  return { b, scales };
}

function bestScale(part: Float32Array, bits: 4 | 8, half: number): number {
  let low = 0;
  let high = 0;
  for (const value of part) {
    if (!Number.isFinite(value)) throw new Error('a weight is not finite');
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  let best = 0;
  let bestError = Number.POSITIVE_INFINITY;
  for (const candidate of candidates(low, high, bits)) {
    const scale = halfToNumber(numberToHalf(candidate));
    if (Math.abs(scale) < LOWEST_SCALE) continue;
    let error = 0;
    for (const value of part) error += (value - scale * level(value, scale, half)) ** 2;
    if (error < bestError) {
      bestError = error;
      best = scale;
    }
  }
  return best;
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
