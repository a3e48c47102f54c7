/**
 * Resizing by separable windowed sinc, antialiased when smaller: Lanczos with a = 3, as PIL does it (its kernel is widened by
 * the scale when the picture shrinks; weights are normalised; horizontal first). Pure.
 */

/** Interleaved samples, `width · height · 3`. */
export interface Samples {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array | Uint8Array;
}

const A = 3;

function lanczos(x: number): number {
  if (x === 0) return 1;
  if (Math.abs(x) >= A) return 0;
  const p = Math.PI * x;
  return (A * Math.sin(p) * Math.sin(p / A)) / (p * p);
}

interface Taps {
  readonly first: Int32Array;
  /** `count` weights for each output position. */
  readonly weights: Float32Array;
  readonly count: number;
}

function taps(from: number, to: number): Taps {
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const support = A * stretch;
  const count = Math.min(from, 2 * Math.ceil(support) + 1);
  const first = new Int32Array(to);
  const weights = new Float32Array(to * count);
  for (let at = 0; at < to; at++) {
    const centre = (at + 0.5) * scale;
    const start = Math.min(Math.max(0, Math.trunc(centre - support + 0.5)), from - count);
    first[at] = start;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const weight = lanczos((start + i + 0.5 - centre) / stretch);
      weights[at * count + i] = weight;
      sum += weight;
    }
    for (let i = 0; i < count; i++) weights[at * count + i] = (weights[at * count + i] as number) / sum;
  }
  return { first, weights, count };
}

/** @param source values of any range @returns values that may overshoot that range a little, as sinc does */
export function resample(source: Samples, width: number, height: number): Samples & { data: Float32Array } {
  const across = source.width === width ? Float32Array.from(source.data) : alongX(source, width);
  const data = source.height === height ? across : alongY({ width, height: source.height, data: across }, height);
  return { width, height, data };
}

function alongX({ width, height, data }: Samples, to: number): Float32Array {
  const { first, weights, count } = taps(width, to);
  const out = new Float32Array(3 * to * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < to; x++) {
      const from = 3 * (y * width + (first[x] as number));
      let [r, g, b] = [0, 0, 0];
      for (let i = 0; i < count; i++) {
        const weight = weights[x * count + i] as number;
        r += weight * (data[from + 3 * i] as number);
        g += weight * (data[from + 3 * i + 1] as number);
        b += weight * (data[from + 3 * i + 2] as number);
      }
      const into = 3 * (y * to + x);
      out[into] = r;
      out[into + 1] = g;
      out[into + 2] = b;
    }
  }
  return out;
}

function alongY({ width, height, data }: Samples, to: number): Float32Array {
  const { first, weights, count } = taps(height, to);
  const line = 3 * width;
  const out = new Float32Array(line * to);
  for (let y = 0; y < to; y++) {
    for (let i = 0; i < count; i++) {
      const weight = weights[y * count + i] as number;
      const from = ((first[y] as number) + i) * line;
      for (let x = 0; x < line; x++) {
        out[y * line + x] = (out[y * line + x] as number) + weight * (data[from + x] as number);
      }
    }
  }
  return out;
}

/** 0 to 255, rounded and clamped. */
export function toBytes(values: Float32Array): Uint8Array {
  // A clamped array rounds halves to even, as nothing here depends on.
  return new Uint8Array(Uint8ClampedArray.from(values).buffer);
}
