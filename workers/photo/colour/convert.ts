/**
 * Between a photo's own colour space and the sRGB with 8 bits that the model sees. The way back is never taken by the
 * pixels themselves, only by what was changed: own value + (own(restored) - own(given)). What the model did not touch
 * is exactly what it was, also outside of sRGB's gamut and below 8 bits. Pure.
 */
import { type Curve, type Profile, SRGB_MATRIX, srgbCurve, srgbInverse } from './icc.ts';

/** Entries of the tables that turn linear values into encoded ones. */
const FINE = 1 << 14;
/** A profile that changes no 8-bit value by more than this share of a level is sRGB. */
const SAME = 0.6;

/** How a photo's samples relate to sRGB. */
export interface Colour {
  /** Samples a pixel that carry colour: 1 for grey. */
  readonly channels: 1 | 3;
  /** The samples are sRGB as they are. */
  readonly isSrgb: boolean;
  /**
   * Pixels of the photo as 8-bit sRGB.
   *
   * @param from samples, `stride` of them a pixel, 0 to 255 or 0 to 65535
   * @param to RGB bytes
   */
  toSrgb(from: Uint8Array | Uint16Array, stride: number, to: Uint8Array, at: number, count: number): void;
  /** What a change from `given` to `restored` (sRGB bytes of one pixel) is in own values, 0 to 1, into `out`. */
  change(given: Uint8Array, restored: Uint8Array, at: number, out: Float64Array): void;
}

/** @param profile null: sRGB @param channels of the photo's own samples, without alpha */
export function colourOf(profile: Profile | null, channels: 1 | 3): Colour {
  if (channels === 1) return greyColour(profile?.kind === 'grey' ? profile.curve : null);
  if (profile?.kind !== 'rgb') return SRGB;
  const colour = matrixColour(profile.curves, profile.matrix);
  return isSame(colour) ? SRGB : colour;
}

const SRGB: Colour = {
  channels: 3,
  isSrgb: true,
  toSrgb(from, stride, to, at, count) {
    const shift = from instanceof Uint16Array;
    for (let i = 0; i < count; i++) {
      for (let c = 0; c < 3; c++) {
        const value = from[i * stride + c] as number;
        to[at + 3 * i + c] = shift ? (value * 255 + 32768) / 65535 : value;
      }
    }
  },
  change(given, restored, at, out) {
    for (let c = 0; c < 3; c++) out[c] = ((restored[at + c] as number) - (given[at + c] as number)) / 255;
  },
};

const linearOfByte = Float64Array.from({ length: 256 }, (_, i) => srgbCurve(i / 255));
const encodeSrgb = table((value) => 255 * srgbInverse(value));

/** Values of a function at 0 to 1 in `FINE` steps. */
function table(value: Curve): Float32Array {
  return Float32Array.from({ length: FINE + 2 }, (_, i) => value(Math.min(1, i / FINE)));
}

/** Between the entries, linear. */
function look(values: Float32Array, x: number): number {
  const place = x <= 0 ? 0 : x >= 1 ? FINE : x * FINE;
  const low = Math.floor(place);
  const a = values[low] as number;
  return a + ((values[low + 1] as number) - a) * (place - low);
}

/** The inverse of a rising curve, by halving. */
function inverse(curve: Curve): Curve {
  return (wanted) => {
    let [low, high] = [0, 1];
    for (let i = 0; i < 40; i++) {
      const middle = (low + high) / 2;
      if (curve(middle) < wanted) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  };
}

/** Values of a curve at all samples of 8 or 16 bits; 16 only where they are asked for. */
function forward(curve: Curve): (wide: boolean) => Float32Array {
  const make = (last: number) => Float32Array.from({ length: last + 1 }, (_, i) => curve(i / last));
  const narrow = make(255);
  let wide: Float32Array | null = null;
  return (is16) => {
    if (!is16) return narrow;
    wide ??= make(65535);
    return wide;
  };
}

function matrixColour(curves: readonly [Curve, Curve, Curve], matrix: readonly number[]): Colour {
  const out = product(inverted(SRGB_MATRIX), matrix);
  const back = product(inverted(matrix), SRGB_MATRIX);
  const linear = curves.map(forward);
  const encode = curves.map((curve) => table(inverse(curve)));
  const own = (rgb: Uint8Array, at: number, c: number): number => {
    const sum =
      (back[3 * c] as number) * (linearOfByte[rgb[at] as number] as number) +
      (back[3 * c + 1] as number) * (linearOfByte[rgb[at + 1] as number] as number) +
      (back[3 * c + 2] as number) * (linearOfByte[rgb[at + 2] as number] as number);
    return look(encode[c] as Float32Array, sum);
  };
  return {
    channels: 3,
    isSrgb: false,
    toSrgb(from, stride, to, at, count) {
      const is16 = from instanceof Uint16Array;
      const [red, green, blue] = linear.map((one) => one(is16)) as [Float32Array, Float32Array, Float32Array];
      for (let i = 0; i < count; i++) {
        const r = red[from[i * stride] as number] as number;
        const g = green[from[i * stride + 1] as number] as number;
        const b = blue[from[i * stride + 2] as number] as number;
        for (let c = 0; c < 3; c++) {
          const sum = (out[3 * c] as number) * r + (out[3 * c + 1] as number) * g + (out[3 * c + 2] as number) * b;
          to[at + 3 * i + c] = look(encodeSrgb, sum) + 0.5;
        }
      }
    },
    change(given, restored, at, change) {
      const same =
        given[at] === restored[at] && given[at + 1] === restored[at + 1] && given[at + 2] === restored[at + 2];
      for (let c = 0; c < 3; c++) change[c] = same ? 0 : own(restored, at, c) - own(given, at, c);
    },
  };
}

/** Grey stays grey: of a change, its luminance counts (Rec. 709, linear). */
function greyColour(curve: Curve | null): Colour {
  const linear = forward(curve ?? srgbCurve);
  const encode = table(curve ? inverse(curve) : srgbInverse);
  const own = (rgb: Uint8Array, at: number): number => {
    const [r, g, b] = [0, 1, 2].map((c) => linearOfByte[rgb[at + c] as number] as number) as [number, number, number];
    return look(encode, 0.2126 * r + 0.7152 * g + 0.0722 * b);
  };
  return {
    channels: 1,
    isSrgb: false,
    toSrgb(from, stride, to, at, count) {
      const values = linear(from instanceof Uint16Array);
      for (let i = 0; i < count; i++) {
        to.fill(look(encodeSrgb, values[from[i * stride] as number] as number) + 0.5, at + 3 * i, at + 3 * i + 3);
      }
    },
    change(given, restored, at, out) {
      out[0] = own(restored, at) - own(given, at);
    },
  };
}

function isSame(colour: Colour): boolean {
  const given = new Uint8Array(3 * 27 + 3 * 256);
  let at = 0;
  for (const r of [0, 128, 255])
    for (const g of [0, 128, 255]) for (const b of [0, 128, 255]) given.set([r, g, b], 3 * at++);
  for (let v = 0; v < 256; v++) given.set([v, v, v], 3 * at++);
  const out = new Uint8Array(given.length);
  colour.toSrgb(given, 3, out, 0, at);
  return given.every((value, i) => Math.abs(value - (out[i] as number)) <= SAME);
}

function product(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: 9 }, (_, i) => {
    const [row, column] = [3 * Math.floor(i / 3), i % 3];
    return [0, 1, 2].reduce((sum, k) => sum + (a[row + k] as number) * (b[3 * k + column] as number), 0);
  });
}

function inverted(m: readonly number[]): number[] {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0] = m;
  const [A, B, C] = [e * i - f * h, f * g - d * i, d * h - e * g];
  const determinant = a * A + b * B + c * C;
  return [A, c * h - b * i, b * f - c * e, B, a * i - c * g, c * d - a * f, C, b * g - a * h, a * e - b * d].map(
    (value) => value / determinant,
  );
}
