/** Frequencies of the time embedding: 128 cosines, then 128 sines. */
const HALF = 128;
export const TIME_FEATURES = 2 * HALF;

/**
 * Time features of the DiT's and the connector's embedders: with s' = 1000 s and f_i = 10000^(-i/128),
 * `[cos(s' f_0) … cos(s' f_127), sin(s' f_0) … sin(s' f_127)]`.
 *
 * Computed in float64 and in JavaScript on purpose: 1000 s reaches 1000 rad, where float32 angles are good to
 * 3e-5 only, and GPU sines are off by up to 2e-4.
 *
 * @param values timesteps in [0,1] or a guidance value, one a row
 * @returns float32 `[values.length, 256]`
 */
export function sinusoid(values: readonly number[]): Float32Array {
  const out = new Float32Array(values.length * TIME_FEATURES);
  values.forEach((value, row) => {
    for (let i = 0; i < HALF; i++) {
      const angle = 1000 * value * Math.exp((-Math.log(10000) * i) / HALF);
      out[row * TIME_FEATURES + i] = Math.cos(angle);
      out[row * TIME_FEATURES + HALF + i] = Math.sin(angle);
    }
  });
  return out;
}
