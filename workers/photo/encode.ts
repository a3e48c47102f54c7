/** From pixels to a file. Runs in a worker: needs OffscreenCanvas. */
import { EngineError } from '../errors.ts';
import type { ExportFormat } from '../protocol.ts';
import { bandRows, makeRgba, type Rgb } from './rgba.ts';

/**
 * Encodes a photo at its own size. JPEG has no alpha: transparent parts come out on white.
 *
 * @param quality 0 to 1, for jpeg and webp
 * @throws EngineError 'unsupported-image' with `format` where the browser does not write it (WebP in Safari, or over
 *   16383 px a side), 'internal' where it has no memory for the canvas
 */
export async function encodePhoto(
  photo: Rgb,
  alpha: Uint8Array | null,
  format: ExportFormat,
  quality: number,
): Promise<Blob> {
  const { width, height } = photo;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { alpha: alpha !== null && format !== 'jpeg', willReadFrequently: true });
  if (!context) throw new EngineError('internal', `no canvas of ${width} × ${height} px`);
  const rows = bandRows(width);
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    const rgba = makeRgba(photo.rgb, alpha, top * width, width * count);
    if (format === 'jpeg' && alpha) overWhite(rgba);
    context.putImageData(new ImageData(rgba, width, count), 0, top);
  }
  const type = `image/${format}`;
  let blob: Blob;
  try {
    blob = await canvas.convertToBlob({ type, quality: Math.min(1, Math.max(0, quality)) });
  } catch (cause) {
    throw new EngineError('internal', `${type}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  // A browser that can't write a type answers with PNG instead of failing.
  if (blob.type !== type) throw new EngineError('unsupported-image', `got ${blob.type}`, { type: format, format });
  return blob;
}

/** Blends onto white, in place. */
export function overWhite(rgba: Uint8ClampedArray): void {
  for (let i = 0; i < rgba.length; i += 4) {
    const share = (rgba[i + 3] as number) / 255;
    for (let c = i; c < i + 3; c++) rgba[c] = (rgba[c] as number) * share + 255 * (1 - share);
    rgba[i + 3] = 255;
  }
}
