/** Pictures that the browser decodes. Runs in a worker: needs createImageBitmap and OffscreenCanvas. */
import { EngineError } from '../../errors.ts';
import type { ImageType } from '../sniff.ts';
import { ExactReader } from './exact.ts';
import { type Band, bandRowsOf, type Layout, type Rows } from './rows.ts';

/** Types that browsers do not all decode: the sentence for them is "unsupported", not "corrupt". */
const NOT_EVERYWHERE: ReadonlySet<ImageType> = new Set(['heic', 'tiff', 'jxl', 'avif']);

export interface BitmapOptions {
  readonly type: ImageType;
  readonly components: number | null;
  /** The samples as the file has them; else the browser converts them to sRGB. */
  readonly own: boolean;
}

/**
 * Upright where the file is a JPEG (or AVIF or HEIC), as stored where it is a WebP without EXIF. One-component JPEGs give
 * grey. Translucent pixels come without premultiplied alpha where the browser has WebGL.
 *
 * @throws EngineError 'corrupt-image', 'unsupported-image'
 */
export async function bitmapRows(file: Blob, { type, components, own }: BitmapOptions): Promise<Rows> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, {
      imageOrientation: 'from-image',
      premultiplyAlpha: 'none',
      colorSpaceConversion: own ? 'none' : 'default',
    });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    if (NOT_EVERYWHERE.has(type)) throw new EngineError('unsupported-image', detail, { type });
    if (components === 4) throw new EngineError('unsupported-image', detail, { type: 'CMYK JPEG' });
    throw new EngineError('corrupt-image', detail, { type });
  }
  const { width, height } = bitmap;
  const channels = type === 'jpeg' ? (components === 1 ? 1 : 3) : 4;
  const layout: Layout = { width, height, channels, bits: 8 };
  return { ...layout, bands: () => bandsOf(bitmap, layout) };
}

/**
 * Reads the pixels back in bands, so that RGBA never lies twice in memory at full size: of the whole bitmap, a canvas would
 * make a copy in its own form.
 */
async function* bandsOf(bitmap: ImageBitmap, layout: Layout): AsyncGenerator<Band> {
  const { width, height, channels } = layout;
  const rows = Math.min(height, bandRowsOf({ ...layout, channels: 4 }));
  const canvas = new OffscreenCanvas(width, rows);
  let exact: ExactReader | null | undefined;
  try {
    const context = canvas.getContext('2d', { willReadFrequently: true });
    if (!context) throw new EngineError('internal', 'no 2D canvas');
    for (let top = 0; top < height; top += rows) {
      const count = Math.min(rows, height - top);
      const piece = await createImageBitmap(bitmap, 0, top, width, count, AS_IT_IS);
      context.clearRect(0, 0, width, rows);
      context.drawImage(piece, 0, 0);
      const { data } = context.getImageData(0, 0, width, count);
      let samples: Uint8Array = channels === 4 ? new Uint8Array(data.buffer) : first(data, channels);
      if (channels === 4 && !isOpaque(data)) {
        if (exact === undefined) exact = ExactReader.for(width, rows);
        samples = exact?.read(piece) ?? samples;
      }
      piece.close();
      yield { top, rows: count, samples };
    }
  } finally {
    bitmap.close();
    exact?.close();
    // The canvas keeps what was drawn last until it is collected.
    canvas.width = 0;
  }
}

const AS_IT_IS = { premultiplyAlpha: 'none', colorSpaceConversion: 'none' } as const;

function isOpaque(rgba: Uint8ClampedArray): boolean {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return false;
  return true;
}

function first(rgba: Uint8ClampedArray, channels: number): Uint8Array {
  const out = new Uint8Array((rgba.length / 4) * channels);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    for (let c = 0; c < channels; c++) out[to++] = rgba[from + c] as number;
  }
  return out;
}
