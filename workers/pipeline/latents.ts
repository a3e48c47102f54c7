/**
 * Latents `[channels, h, w]` and tokens `[n, channels · patch²]`: tokens run row-major over the (h/patch, w/patch)
 * grid, features are ordered (channel, dy, dx), so with patch 2 feature = 4c + 2dy + dx.
 */

/** A grid of latents in planes, one a channel. */
export interface Latents {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** float32, `channels · height · width`, row-major within a plane. */
  readonly data: Float32Array;
}

export function makeLatents(channels: number, height: number, width: number, data?: Float32Array): Latents {
  const length = channels * height * width;
  if (data && data.length !== length) throw new RangeError(`latents of ${length} values got ${data.length}`);
  return { channels, height, width, data: data ?? new Float32Array(length) };
}

/** Latents to tokens. `height` and `width` must be multiples of `patch`. */
export function packLatents(latents: Latents, patch: number): Float32Array {
  const out = new Float32Array(latents.data.length);
  walk(latents, patch, (plane, token) => {
    out[token] = latents.data[plane] as number;
  });
  return out;
}

/**
 * Tokens to latents, the inverse of `packLatents`. Rows of `tokens` beyond the grid (the reference's) are ignored.
 */
export function unpackTokens(
  tokens: Float32Array,
  channels: number,
  height: number,
  width: number,
  patch: number,
): Latents {
  const latents = makeLatents(channels, height, width);
  if (tokens.length < latents.data.length) throw new RangeError(`${tokens.length} token values are too few`);
  walk(latents, patch, (plane, token) => {
    latents.data[plane] = tokens[token] as number;
  });
  return latents;
}

function walk(
  { channels, height, width }: Latents,
  patch: number,
  visit: (planeIndex: number, tokenIndex: number) => void,
): void {
  if (height % patch || width % patch) throw new RangeError(`${width}×${height} latents, patch ${patch}`);
  const features = channels * patch * patch;
  const columns = width / patch;
  let plane = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      const row = Math.floor(y / patch) * columns;
      const feature = (c * patch + (y % patch)) * patch;
      for (let x = 0; x < width; x++, plane++) {
        visit(plane, (row + Math.floor(x / patch)) * features + feature + (x % patch));
      }
    }
  }
}

/** A rectangle of a grid, in its own unit. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Copies a rectangle out of whole-photo latents. */
export function cropLatents(whole: Latents, rect: Rect): Latents {
  const out = makeLatents(whole.channels, rect.height, rect.width);
  for (let c = 0; c < whole.channels; c++) {
    for (let y = 0; y < rect.height; y++) {
      const from = (c * whole.height + rect.y + y) * whole.width + rect.x;
      out.data.set(whole.data.subarray(from, from + rect.width), (c * rect.height + y) * rect.width);
    }
  }
  return out;
}
