/**
 * Resizing as Pillow does it (`Image.resize` of 8-bit images): separable, antialiased when it gets smaller, horizontal pass
 * first, each pass rounded to 8 bits, weights in fixed point. What the language model saw in training was resized so.
 */

/** 8-bit RGB, `width · height · 3`, rows from the top. */
export interface Rgb8 {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

interface Filter {
  /** Reach in source px at scale 1. */
  readonly support: number;
  weight(x: number): number;
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

export const FILTERS = {
  /** Keys' cubic with a = -0.5. */
  bicubic: {
    support: 2,
    weight: (x) => {
      const a = -0.5;
      const d = Math.abs(x);
      if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
    },
  },
  lanczos: { support: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
} as const satisfies Record<string, Filter>;
export type FilterName = keyof typeof FILTERS;

/** Pillow's PRECISION_BITS for 8-bit images: weights are multiples of 2^-22. */
const UNIT = 2 ** 22;

interface Taps {
  readonly first: number;
  /** Multiples of 1 / UNIT. */
  readonly weights: Float64Array;
}

function tapsOf(from: number, to: number, { support, weight }: Filter): Taps[] {
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const reach = support * stretch;
  return Array.from({ length: to }, (_, at) => {
    const centre = (at + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(from, Math.trunc(centre + reach + 0.5));
    const raw = Float64Array.from({ length: end - first }, (__, k) => weight((first + k - centre + 0.5) / stretch));
    const sum = raw.reduce((a, b) => a + b, 0);
    return { first, weights: raw.map((value) => Math.trunc((value / sum) * UNIT + (value < 0 ? -0.5 : 0.5))) };
  });
}

/** One pass along an axis: `lines` lines of `from` values that lie `step` apart, each value of 3 channels. */
function pass(
  source: Uint8Array,
  target: Uint8Array,
  taps: readonly Taps[],
  lines: number,
  at: { sourceLine: number; sourceStep: number; targetLine: number; targetStep: number },
): void {
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < taps.length; i++) {
      const { first, weights } = taps[i] as Taps;
      let red = UNIT / 2;
      let green = UNIT / 2;
      let blue = UNIT / 2;
      let from = line * at.sourceLine + first * at.sourceStep;
      for (let k = 0; k < weights.length; k++, from += at.sourceStep) {
        const weight = weights[k] as number;
        red += weight * (source[from] as number);
        green += weight * (source[from + 1] as number);
        blue += weight * (source[from + 2] as number);
      }
      const to = line * at.targetLine + i * at.targetStep;
      target[to] = clip(red);
      target[to + 1] = clip(green);
      target[to + 2] = clip(blue);
    }
  }
}

const clip = (sum: number) => Math.min(255, Math.max(0, Math.floor(sum / UNIT)));

/** The image at another size; itself where the size is the same. */
export function resize(image: Rgb8, width: number, height: number, filter: FilterName): Rgb8 {
  let { width: w, height: h, rgb } = image;
  if (width !== w) {
    const out = new Uint8Array(3 * width * h);
    const at = { sourceLine: 3 * w, sourceStep: 3, targetLine: 3 * width, targetStep: 3 };
    pass(rgb, out, tapsOf(w, width, FILTERS[filter]), h, at);
    [w, rgb] = [width, out];
  }
  if (height !== h) {
    const out = new Uint8Array(3 * w * height);
    const at = { sourceLine: 3, sourceStep: 3 * w, targetLine: 3, targetStep: 3 * w };
    pass(rgb, out, tapsOf(h, height, FILTERS[filter]), w, at);
    [h, rgb] = [height, out];
  }
  return { width: w, height: h, rgb };
}
