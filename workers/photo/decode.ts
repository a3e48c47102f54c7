/** From a file to the photo as the engine keeps it. Runs in a worker: needs createImageBitmap and OffscreenCanvas. */
import { EngineError } from '../errors.ts';
import { bandRows, type Rgb, takeRgb } from './rgba.ts';
import { checkPixels, type ImageType, SNIFF_BYTES, sniff } from './sniff.ts';

export interface DecodedPhoto extends Rgb {
  readonly type: ImageType;
  /** One byte a pixel, null for a photo that is opaque everywhere. It goes around the model and into the file again. */
  readonly alpha: Uint8Array | null;
}

/** Types that browsers do not all decode: the sentence for them is "unsupported", not "corrupt". */
const NOT_EVERYWHERE: ReadonlySet<ImageType> = new Set(['heic', 'tiff', 'jxl', 'avif']);

/**
 * Decodes a photo, upright (EXIF orientation applied) and in sRGB. Of an animation it takes the first frame.
 *
 * @throws EngineError 'empty-file', 'not-an-image', 'too-many-pixels', 'corrupt-image', 'unsupported-image'
 */
export async function decodePhoto(file: Blob): Promise<DecodedPhoto> {
  const head = new Uint8Array(await file.slice(0, SNIFF_BYTES).arrayBuffer());
  const { type, components } = sniff(head);
  const bitmap = await decodeBitmap(file, type, components);
  try {
    // Headers can lie, and some types hide their size from `sniff`.
    checkPixels(bitmap.width, bitmap.height);
    return { type, ...readPixels(bitmap) };
  } finally {
    bitmap.close();
  }
}

async function decodeBitmap(file: Blob, type: ImageType, components: number | null): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, { imageOrientation: 'from-image', premultiplyAlpha: 'none' });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    if (NOT_EVERYWHERE.has(type)) throw new EngineError('unsupported-image', detail, { type });
    if (components === 4) throw new EngineError('unsupported-image', detail, { type: 'CMYK JPEG' });
    throw new EngineError('corrupt-image', detail, { type });
  }
}

/** Reads the pixels back in bands, so that RGBA never lies twice in memory at full size. */
function readPixels(bitmap: ImageBitmap): Rgb & { alpha: Uint8Array | null } {
  const { width, height } = bitmap;
  const rows = Math.min(height, bandRows(width));
  const canvas = new OffscreenCanvas(width, rows);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new EngineError('internal', 'no 2D canvas');
  const rgb = new Uint8Array(3 * width * height);
  let alpha: Uint8Array | null = null;
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, -top);
    const { data } = context.getImageData(0, 0, width, count);
    if (takeRgb(data, rgb, top * width) && !alpha) alpha = new Uint8Array(width * height).fill(255);
    if (alpha) for (let i = 0; i < width * count; i++) alpha[top * width + i] = data[4 * i + 3] as number;
  }
  return { width, height, rgb, alpha };
}
