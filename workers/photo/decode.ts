/** From a file to the photo as the engine keeps it. */
import { EngineError } from '../errors.ts';
import { isOutOfMemory } from '../out-of-memory.ts';
import { isWorthKeeping, keepRows } from './codec/kept.ts';
import { corrupt, hasAlpha, type Layout, type Rows } from './codec/rows.ts';
import type { Rgb } from './rgba.ts';
import { checkPixels, type ImageType } from './sniff.ts';
import { type Decoders, openSource, type PhotoSource } from './source.ts';

export interface DecodedPhoto extends Rgb {
  readonly type: ImageType;
  /** One byte a pixel, null for a photo that is opaque everywhere. It goes around the model and into the file again. */
  readonly alpha: Uint8Array | null;
  /** How the file stores it; its own samples are decoded again when they are needed. */
  readonly layout: Layout;
  readonly source: PhotoSource;
}

/**
 * Decodes a photo, upright and in sRGB with 8 bits, as the model sees it. Of an animation it takes the first frame.
 *
 * @throws EngineError 'empty-file', 'not-an-image', 'too-many-pixels', 'corrupt-image', 'unsupported-image'
 */
export async function decodePhoto(file: Blob, decoders: Decoders): Promise<DecodedPhoto> {
  const { rows, source } = await opened(file, decoders);
  const { width, height, channels, bits } = rows;
  // Headers can lie, and some types hide their size until they are decoded.
  checkPixels(width, height);
  const { rgb, alpha } = await toModel(rows, source).catch((cause) => {
    // Too little memory does not make a photo a damaged one.
    if (cause instanceof EngineError || isOutOfMemory(cause)) throw cause;
    throw corrupt(cause instanceof Error ? cause.message : String(cause));
  });
  return { type: source.type, width, height, rgb, alpha, layout: { width, height, channels, bits }, source };
}

/** These are read from the file row by row whenever they are wanted. */
const IN_ROWS: ReadonlySet<ImageType> = new Set(['png', 'tiff']);

async function opened(file: Blob, decoders: Decoders): Promise<{ rows: Rows; source: PhotoSource }> {
  const source = await openSource(file, decoders);
  const rows = await source.rows();
  const asGiven = source.colour(rows).isSrgb && rows.bits === 8;
  const wantedAgain = !asGiven && !IN_ROWS.has(source.type);
  if (!wantedAgain || !isWorthKeeping(rows)) return { rows, source };
  const { first, again } = keepRows(rows);
  return { rows: first, source: { ...source, rows: async () => again() } };
}

/** The photo's samples as 8-bit sRGB, and its alpha. @throws EngineError 'corrupt-image' */
export async function toModel(rows: Rows, source: PhotoSource): Promise<{ rgb: Uint8Array; alpha: Uint8Array | null }> {
  const { width, height, channels, bits } = rows;
  const colour = source.colour(rows);
  const rgb = new Uint8Array(3 * width * height);
  let alpha: Uint8Array | null = null;
  let done = 0;
  for await (const { top, rows: count, samples } of rows.bands()) {
    const pixels = count * width;
    colour.toSrgb(samples, channels, rgb, 3 * top * width, pixels);
    done += pixels;
    if (!hasAlpha(rows)) continue;
    for (let i = 0; i < pixels; i++) {
      const value = samples[i * channels + channels - 1] as number;
      const byte = bits === 16 ? Math.round(value / 257) : value;
      if (byte < 255) alpha ??= new Uint8Array(width * height).fill(255);
      if (alpha) alpha[top * width + i] = byte;
    }
  }
  if (done < width * height) throw corrupt('the picture ends early');
  return { rgb, alpha };
}
