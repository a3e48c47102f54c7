/**
 * Random weights that any language can draw again: value i of tensor `name` comes from a mulberry32 number whose seed is
 * the FNV-1a hash of the name. `tools/pack/fixtures/reference.py` draws the same ones for PyTorch, so that no checkpoint
 * needs to lie in the repository.
 */

import { halfToNumber, numberToHalf } from '../../workers/packs/half.ts';
import { BLOCK } from '../pack/quantise.ts';
import { seedOf } from '../pack/virtual-draw.ts';

/** Gives the values of a tensor, or those from `start` on, as float32. */
export type Draw = (name: string, shape: readonly number[], start?: number, count?: number) => Float32Array;

/** The mulberry32 number of value `i`, 0 to 2³² - 1. */
export function randomBits(seed: number, i: number): number {
  const state = (seed + Math.imul(0x6d2b79f5, i + 1)) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return (t ^ (t >>> 14)) >>> 0;
}

/** Offset and half-width of the uniform distribution that a tensor is drawn from. */
function spread(name: string, shape: readonly number[]): [offset: number, width: number] {
  if (name === 'connector.scale_factor') return [-0.91, 0];
  if (/(\.scale|norm\d?\.weight|norm_out\.weight|ln_q\.weight)$/.test(name)) return [1, 0.1];
  if (name.endsWith('.bias')) return [0, 0.05];
  if (name.startsWith('input.') || /^conditioning\.(task_tokens|task_vec|thumb_pos|states)$/.test(name)) return [0, 1];
  // Variance 1 / fan-in, so that activations keep their size; a residual on a photo is to leave most of it in its range.
  const fanIn = shape.slice(1).reduce((a, b) => a * b, 1);
  return [0, Math.sqrt(3 / fanIn) * (/^refine\..*\.out\.weight$/.test(name) ? 0.05 : 1)];
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Uniform values, computed in float64 and rounded to float32. */
export const draw: Draw = (name, shape, start = 0, count = Number.POSITIVE_INFINITY) => {
  const [offset, width] = spread(name, shape);
  const seed = seedOf(name);
  const out = new Float32Array(Math.min(count, sizeOf(shape) - start));
  for (let i = 0; i < out.length; i++) out[i] = offset + width * (randomBits(seed, start + i) / 2147483648 - 1);
  return out;
};

/** Matrices that the pack builder may store in blocks of 32 along K. */
const isMatrix = (name: string, shape: readonly number[]) =>
  shape.length === 2 && (shape[1] ?? 0) % BLOCK === 0 && !name.startsWith('conditioning.');

/**
 * Values that a pack of any bits stores exactly. Matrices lie on the 4-bit grid: every block of 32 along K has a scale of
 * its own with 8 significant bits and levels -8 … 7, the first of them -8, so that both quantisers find the scale and a
 * value fits fp16 (8 bits of the scale and 3 of the level). Everything else is rounded to fp16.
 */
export const drawOnGrid: Draw = (name, shape, start = 0, count = Number.POSITIVE_INFINITY) => {
  if (!isMatrix(name, shape)) {
    const values = draw(name, shape, start, count);
    return values.map((value) => halfToNumber(numberToHalf(value)));
  }
  if (start % BLOCK !== 0) throw new Error(`${name} drawn from ${start}: not the start of a block`);
  const seed = seedOf(name);
  const out = new Float32Array(Math.min(count, sizeOf(shape) - start));
  // The scale is 128 … 255 of this unit; its power of two is near a sixteenth of the uniform draw's whole width.
  const unit = 2 ** (Math.floor(Math.log2(spread(name, shape)[1] / 8)) - 7);
  // In a test an imported name is looked up each time it is used, which is too slow for the loop inside.
  const step: number = BLOCK;
  for (let first = 0; first < out.length; first += step) {
    const scale = unit * (128 + (randomBits(seed, start + first) & 127));
    out[first] = -8 * scale;
    for (let i = first + 1; i < first + step; i++) out[i] = scale * ((randomBits(seed, start + i) >>> 28) - 8);
  }
  return out;
};
