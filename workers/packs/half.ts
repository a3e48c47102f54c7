/**
 * IEEE 754 binary16, by hand: `Float16Array` is missing in Node 20 and in older browsers.
 * A half travels as its raw bits (0 to 65535) in a Uint16Array.
 */

/** The exact value of a half. Infinities and NaN come out as such. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

let table: Float32Array | undefined;

/** All 65536 halves as float32: a lookup is faster than arithmetic for the tens of megabytes of a pack. */
function halfTable(): Float32Array {
  if (!table) {
    table = new Float32Array(65536);
    for (let bits = 0; bits < 65536; bits++) table[bits] = halfToNumber(bits);
  }
  return table;
}

/** Writes `source` (raw halves) as float32 into `target`, which is at least as long. Exact. */
export function widenHalves(source: Uint16Array, target: Float32Array): void {
  const values = halfTable();
  for (let i = 0; i < source.length; i++) target[i] = values[source[i] as number] as number;
}

const asFloat = new Float32Array(1);
const asBits = new Uint32Array(asFloat.buffer);

/** The nearest half of a number (ties to even), as raw bits. Above 65519.99… it is infinity. */
export function numberToHalf(value: number): number {
  asFloat[0] = value;
  const bits = asBits[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Below the smallest normal half: a multiple of 2^-24. `roundToEven` sees an exact product.
    return sign | roundToEven(Math.abs(asFloat[0]) * 2 ** 24);
  }
  // Drop 13 bits of the fraction with ties to even; a carry runs into the exponent, up to infinity, as it should.
  const rounded = magnitude + 0x0fff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

function roundToEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest > 0.5 || (rest === 0.5 && low % 2 === 1)) return low + 1;
  return low;
}

/** Writes `source` as raw halves into `target`, which is at least as long. */
export function narrowToHalves(source: Float32Array, target: Uint16Array): void {
  for (let i = 0; i < source.length; i++) target[i] = numberToHalf(source[i] as number);
}
