/** Pictures that the browser decodes. Runs in a worker: needs createImageBitmap and OffscreenCanvas. */
import { type Canvas2d, needCanvas2d } from '../../canvas.ts';
import { EngineError } from '../../errors.ts';
import type { ImageType } from '../sniff.ts';
import { ExactReader } from './exact.ts';
import { type Band, bandRowsOf, type Layout, type Rows, release } from './rows.ts';

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
 * @throws EngineError 'corrupt-image', 'unsupported-image'; 'no-canvas' while it is read
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
  const exact = ExactReader.make();
  const rgba = new Uint8Array(4 * width * rows);
  const narrow = channels === 4 ? null : new Uint8Array(channels * width * rows);
  let canvas: Canvas2d | null = null;
  try {
    for (let top = 0; top < height; top += rows) {
      const count = Math.min(rows, height - top);
      const band = rgba.subarray(0, 4 * width * count);
      if (!exact || !(await readExactly(exact, bitmap, top, count, band))) {
        canvas ??= needCanvas2d(width, rows, { willReadFrequently: true });
        await readThrough(canvas, bitmap, top, count, band);
      }
      yield { top, rows: count, samples: narrow ? first(band, channels, narrow) : band };
    }
  } finally {
    bitmap.close();
    exact?.close();
  }
}

/** Rows of a bitmap, in pieces as wide as the reader takes. */
async function readExactly(
  exact: ExactReader,
  bitmap: ImageBitmap,
  top: number,
  count: number,
  band: Uint8Array,
): Promise<boolean> {
  if (count > exact.side) return false;
  for (let left = 0; left < bitmap.width; left += exact.side) {
    const columns = Math.min(exact.side, bitmap.width - left);
    const piece = await createImageBitmap(bitmap, left, top, columns, count, AS_IT_IS);
    const done = exact.read(piece, band, left, bitmap.width);
    piece.close();
    if (!done) return false;
  }
  return true;
}

async function readThrough(
  canvas: Canvas2d,
  bitmap: ImageBitmap,
  top: number,
  count: number,
  band: Uint8Array,
): Promise<void> {
  const piece = await createImageBitmap(bitmap, 0, top, bitmap.width, count, AS_IT_IS);
  canvas.clearRect(0, 0, bitmap.width, count);
  canvas.drawImage(piece, 0, 0);
  piece.close();
  const { data } = canvas.getImageData(0, 0, bitmap.width, count);
  band.set(data);
  release(data.buffer);
}

const AS_IT_IS = { premultiplyAlpha: 'none', colorSpaceConversion: 'none' } as const;

function first(rgba: Uint8Array, channels: number, out: Uint8Array): Uint8Array {
  const pixels = rgba.length / 4;
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    for (let c = 0; c < channels; c++) out[to++] = rgba[from + c] as number;
  }
  return out.subarray(0, pixels * channels);
}
