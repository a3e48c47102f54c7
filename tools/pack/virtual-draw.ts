/**
 * Numbers of a virtual checkpoint: element i of a tensor is a function of (seed, i) alone, so that any range can be served by
 * any thread. Near a normal distribution (the sum of the four bytes of a hash), cut off at 3.45 standard deviations.
 */
import { numberToHalf } from '../../workers/packs/half.ts';
import type { TensorDType } from './source.ts';

export interface Drawn {
  readonly seed: number;
  readonly mean: number;
  readonly deviation: number;
}

/** Standard deviation of the sum of four bytes, whose mean is 510. */
const BYTES_DEVIATION = Math.sqrt((4 * (256 ** 2 - 1)) / 12);

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

/** FNV-1a, 32 bits, of ASCII text: the seed of a tensor is its name's hash. */
export function seedOf(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}

/** Writes elements `start` … as they would lie in a file of the dtype; `out` starts at a multiple of 4. */
export function drawBits(drawn: Drawn, dtype: TensorDType, start: number, out: Uint8Array): void {
  const { seed, mean } = drawn;
  const unit = drawn.deviation / BYTES_DEVIATION;
  const wide = dtype === 'F32';
  const length = out.length / (wide ? 4 : 2);
  const floats = new Float32Array(wide ? out.buffer : new ArrayBuffer(0), wide ? out.byteOffset : 0, wide ? length : 0);
  const halves = new Uint16Array(out.buffer, out.byteOffset, wide ? 0 : length);
  for (let i = 0; i < length; i++) {
    // The finaliser of MurmurHash3 on a Weyl sequence.
    let h = (seed + Math.imul(start + i, 0x9e3779b9)) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
    const sum = (h & 255) + ((h >>> 8) & 255) + ((h >>> 16) & 255) + (h >>> 24);
    const value = mean + (sum - 510) * unit;
    if (wide) floats[i] = value;
    else if (dtype === 'F16') halves[i] = numberToHalf(value);
    else {
      float[0] = value;
      halves[i] = ((floatBits[0] as number) + 0x8000) >>> 16;
    }
  }
}
