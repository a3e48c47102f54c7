/**
 * Counter-based noise: the value at (seed, channel, row, column) of the whole photo does not depend on what was drawn
 * before, so overlapping tiles agree, and a job resumed or cut into other tiles sees the same noise.
 *
 * Philox 4×32, 10 rounds (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011), then
 * Box-Muller. One counter gives four values: channels 4g … 4g + 3.
 */
import { type Latents, makeLatents, type Rect } from './latents.ts';

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** High 32 bits of the 64-bit product of two unsigned 32-bit numbers. */
function mulHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle % 0x10000);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

/** Ten rounds of Philox over the counter in `state` (four unsigned 32-bit words), in place. */
export function philox(state: Uint32Array, key0: number, key1: number): void {
  let c0 = state[0] as number;
  let c1 = state[1] as number;
  let c2 = state[2] as number;
  let c3 = state[3] as number;
  let k0 = key0 >>> 0;
  let k1 = key1 >>> 0;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(M0, c0);
    const high1 = mulHigh(M1, c2);
    const low0 = Math.imul(M0, c0) >>> 0;
    const low1 = Math.imul(M1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  state[0] = c0;
  state[1] = c1;
  state[2] = c2;
  state[3] = c3;
}

/**
 * Standard normals for a rectangle of the whole photo's latents.
 *
 * @param seed a non-negative integer below 2^53
 * @param rect place and size in latents of the whole (padded) photo
 * @param stream another number, another noise for the same seed
 */
export function noiseLatents(seed: number, channels: number, rect: Rect, stream = 0): Latents {
  const out = makeLatents(channels, rect.height, rect.width);
  const plane = rect.height * rect.width;
  const low = seed >>> 0;
  const high = Math.floor(seed / 2 ** 32) >>> 0;
  const state = new Uint32Array(4);
  for (let group = 0; group * 4 < channels; group++) {
    for (let y = 0; y < rect.height; y++) {
      for (let x = 0; x < rect.width; x++) {
        state[0] = rect.x + x;
        state[1] = rect.y + y;
        state[2] = group;
        state[3] = stream;
        philox(state, low, high);
        const at = group * 4 * plane + y * rect.width + x;
        for (let pair = 0; pair < 2; pair++) {
          // (word + 1) / 2^32 is in (0,1], so the logarithm is finite; |value| is at most 6.66.
          const radius = Math.sqrt(-2 * Math.log(((state[2 * pair] as number) + 1) / 2 ** 32));
          const angle = (2 * Math.PI * (state[2 * pair + 1] as number)) / 2 ** 32;
          const channel = group * 4 + 2 * pair;
          if (channel < channels) out.data[at + 2 * pair * plane] = radius * Math.cos(angle);
          if (channel + 1 < channels) out.data[at + (2 * pair + 1) * plane] = radius * Math.sin(angle);
        }
      }
    }
  }
  return out;
}
