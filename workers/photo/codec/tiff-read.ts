/**
 * TIFF 6.0 with 8 or 16 bits: grey, RGB or palette, in strips or tiles, plain, LZW, Deflate or PackBits. No browser but
 * Safari reads TIFF, and that one gives 8 bits.
 */
import { EngineError } from '../../errors.ts';
import { concat, inflate, readAt, viewOf } from '../bytes.ts';
import { type FileIfd, TiffFile } from '../meta/tiff.ts';
import type { BitmapOptions } from './bitmap.ts';
import { unpackBits, unpackLzw } from './lzw.ts';
import { type Band, corrupt, type Layout, makeSamples, type Rows, type Samples } from './rows.ts';

interface Shape extends Layout {
  /** Samples a pixel as stored; those beyond `channels` are skipped. */
  readonly stored: number;
  readonly planar: boolean;
  readonly compression: number;
  readonly predictor: number;
  /** What the JPEGs in the file share. */
  readonly tables: Uint8Array | null;
  readonly inverted: boolean;
  /** Colours are stored multiplied by alpha. */
  readonly premultiplied: boolean;
  /** 16-bit, three times as many values as the palette has colours. */
  readonly palette: readonly number[] | null;
  readonly depth: 8 | 16;
  readonly blockWidth: number;
  readonly blockHeight: number;
  readonly offsets: readonly number[];
  readonly counts: readonly number[];
}

const unsupported = (what: string) => new EngineError('unsupported-image', what, { type: `TIFF (${what})` });

/** Size as its header says; null where it says nothing. */
export async function tiffSize(file: Blob): Promise<{ width: number; height: number } | null> {
  const tiff = await TiffFile.open(file);
  const ifd = tiff && (await tiff.ifd(tiff.first));
  if (!tiff || !ifd) return null;
  return { width: tiff.number(ifd, 256, 0), height: tiff.number(ifd, 257, 0) };
}

/** Decodes a JPEG, of which some TIFFs are made. */
type Jpeg = (file: Blob, options: BitmapOptions) => Promise<Rows>;

/** @throws EngineError 'corrupt-image', 'unsupported-image' */
export async function tiffRows(file: Blob, jpeg: Jpeg): Promise<Rows> {
  const tiff = await TiffFile.open(file);
  const ifd = tiff && (await tiff.ifd(tiff.first));
  if (!tiff || !ifd) throw corrupt('a TIFF without a directory');
  const shape = shapeOf(tiff, ifd);
  const { width, height, channels, bits } = shape;
  return { width, height, channels, bits, bands: () => bandsOf(tiff, shape, jpeg) };
}

function shapeOf(tiff: TiffFile, ifd: FileIfd): Shape {
  const one = (tag: number, other: number) => tiff.number(ifd, tag, other);
  const [width, height] = [one(256, 0), one(257, 0)];
  if (width === 0 || height === 0) throw corrupt(`${width} × ${height} px`);
  const photometric = one(262, 1);
  const stored = one(277, 1);
  const depths = tiff.numbers(ifd, 258);
  const depth = depths[0] ?? 1;
  if ((depth !== 8 && depth !== 16) || depths.some((other) => other !== depth)) throw unsupported(`${depth} bits`);
  if (one(339, 1) !== 1) throw unsupported('floating point');
  const isPalette = photometric === 3;
  // YCbCr comes out of a JPEG as RGB.
  const isJpeg = one(259, 1) === 7;
  if (photometric > 3 && !(photometric === 6 && isJpeg && stored === 3))
    throw unsupported(photometric === 5 ? 'CMYK' : photometric === 6 ? 'YCbCr' : `colours ${photometric}`);
  const colours = photometric === 2 || photometric === 6 ? 3 : 1;
  if (stored < colours || stored > 16) throw corrupt(`${stored} samples a pixel`);
  // 1 is associated alpha, 2 unassociated; of anything else (0) nobody knows what it is.
  const extra = stored > colours ? tiff.numbers(ifd, 338)[0] : undefined;
  const alpha = extra === 1 || extra === 2 ? 1 : 0;
  const palette = isPalette ? tiff.numbers(ifd, 320) : null;
  if (palette && palette.length < 3 << depth) throw corrupt('a TIFF without its palette');
  const tiled = ifd.entries.has(322);
  const shape: Shape = {
    width,
    height,
    channels: (isPalette ? 3 : colours + alpha) as Layout['channels'],
    bits: isPalette ? 8 : depth,
    stored,
    planar: one(284, 1) === 2,
    compression: one(259, 1),
    predictor: isJpeg ? 1 : one(317, 1),
    tables: ifd.entries.get(347)?.data ?? null,
    inverted: photometric === 0,
    premultiplied: extra === 1 && !isPalette,
    palette,
    depth,
    blockWidth: tiled ? one(322, 0) : width,
    blockHeight: tiled ? one(323, 0) : Math.min(height, one(278, height)),
    offsets: tiff.numbers(ifd, tiled ? 324 : 273),
    counts: tiff.numbers(ifd, tiled ? 325 : 279),
  };
  const across = Math.ceil(width / shape.blockWidth);
  const down = Math.ceil(height / shape.blockHeight);
  const needed = across * down * (shape.planar ? stored : 1);
  const { blockWidth, blockHeight } = shape;
  if (!(blockWidth > 0 && blockHeight > 0 && blockWidth * blockHeight <= 2 * width * height + 2 ** 20))
    throw corrupt('block size');
  if (shape.offsets.length < needed || shape.counts.length < needed) throw corrupt('a TIFF without all of its picture');
  return shape;
}

/** One band a row of blocks. */
async function* bandsOf(tiff: TiffFile, shape: Shape, jpeg: Jpeg): AsyncGenerator<Band> {
  const { width, height, channels, bits, blockWidth, blockHeight, planar, stored } = shape;
  const across = Math.ceil(width / blockWidth);
  const down = Math.ceil(height / blockHeight);
  for (let row = 0; row < down; row++) {
    const top = row * blockHeight;
    const rows = Math.min(blockHeight, height - top);
    const samples = makeSamples(bits, rows * width * channels);
    for (let column = 0; column < across; column++) {
      const index = row * across + column;
      const planes = planar ? Array.from({ length: stored }, (_, plane) => plane * across * down + index) : [index];
      for (const [plane, at] of planes.entries()) {
        const perPixel = planar ? 1 : stored;
        const read =
          shape.compression === 7
            ? readJpegBlock(tiff, shape, at, perPixel, jpeg)
            : readBlock(tiff, shape, at, perPixel);
        const block = await read;
        place(block, shape, samples, { rows, left: column * blockWidth, plane: planar ? plane : null });
      }
    }
    if (shape.premultiplied) divideByAlpha(samples, shape);
    if (shape.inverted) invert(samples, shape);
    yield { top, rows, samples };
  }
}

/** Samples of one strip or tile, unpacked and with the predictor undone. Missing ones are 0. */
async function readBlock(tiff: TiffFile, shape: Shape, index: number, perPixel: number): Promise<Samples> {
  const { blockWidth, blockHeight, depth, compression, predictor } = shape;
  const [offset = 0, count = 0] = [shape.offsets[index], shape.counts[index]];
  const length = blockWidth * blockHeight * perPixel * (depth / 8);
  const packed = await readAt(tiff.file, offset, count);
  const bytes = await unpack(packed, compression, length);
  const samples = makeSamples(depth, blockWidth * blockHeight * perPixel);
  if (samples instanceof Uint8Array) samples.set(bytes.subarray(0, samples.length));
  else {
    const view = viewOf(bytes);
    for (let i = 0; i < Math.min(samples.length, bytes.length >> 1); i++)
      samples[i] = view.getUint16(2 * i, tiff.little);
  }
  if (predictor === 2) {
    const stride = blockWidth * perPixel;
    for (let line = 0; line < samples.length; line += stride) {
      for (let i = line + perPixel; i < line + stride; i++)
        samples[i] = (samples[i] as number) + (samples[i - perPixel] as number);
    }
  } else if (predictor !== 1) throw unsupported('predictor');
  return samples;
}

/** TIFF technical note 2: a JPEG each, whose tables may stand in a place of their own. */
async function readJpegBlock(
  tiff: TiffFile,
  shape: Shape,
  index: number,
  perPixel: number,
  jpeg: Jpeg,
): Promise<Samples> {
  const { blockWidth, blockHeight, tables, depth } = shape;
  if (depth !== 8) throw unsupported('JPEG with 16 bits');
  const packed = await readAt(tiff.file, shape.offsets[index] ?? 0, shape.counts[index] ?? 0);
  const whole = tables ? concat(tables.subarray(0, -2), packed.subarray(2)) : packed;
  const rows = await jpeg(new Blob([whole]), { type: 'jpeg', components: perPixel === 1 ? 1 : 3, own: true });
  if (rows.width !== blockWidth || rows.height > blockHeight || rows.channels !== perPixel)
    throw corrupt('a part of another size');
  const samples = new Uint8Array(blockWidth * blockHeight * perPixel);
  for await (const band of rows.bands()) samples.set(band.samples, band.top * blockWidth * perPixel);
  return samples;
}

async function unpack(packed: Uint8Array, compression: number, length: number): Promise<Uint8Array> {
  if (packed.length === 0) throw corrupt('a part of the picture is missing');
  try {
    if (compression === 1) return packed;
    if (compression === 5) return unpackLzw(packed, length);
    if (compression === 32773) return unpackBits(packed, length);
    if (compression === 8 || compression === 32946) return await inflate(packed, length + 2 ** 16);
  } catch (cause) {
    throw corrupt(String(cause));
  }
  throw unsupported(compression === 6 ? 'old JPEG inside' : `compression ${compression}`);
}

interface Where {
  readonly rows: number;
  readonly left: number;
  /** For planes of their own: which one. */
  readonly plane: number | null;
}

function place(block: Samples, shape: Shape, to: Samples, { rows, left, plane }: Where): void {
  const { width, channels, blockWidth, stored, palette, depth } = shape;
  const columns = Math.min(blockWidth, width - left);
  const per = plane === null ? stored : 1;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const from = (y * blockWidth + x) * per;
      const at = (y * width + left + x) * channels;
      if (palette) {
        const colours = 1 << depth;
        for (let c = 0; c < 3; c++) to[at + c] = (palette[c * colours + (block[from] as number)] ?? 0) >> 8;
      } else if (plane !== null) {
        if (plane < channels) to[at + plane] = block[from] as number;
      } else for (let c = 0; c < channels; c++) to[at + c] = block[from + c] as number;
    }
  }
}

const largest = ({ bits }: Layout) => (bits === 16 ? 65535 : 255);

function divideByAlpha(samples: Samples, shape: Layout): void {
  const { channels } = shape;
  const top = largest(shape);
  for (let at = 0; at < samples.length; at += channels) {
    const alpha = samples[at + channels - 1] as number;
    for (let i = at; i < at + channels - 1; i++)
      samples[i] = alpha === 0 ? 0 : Math.min(top, Math.round(((samples[i] as number) * top) / alpha));
  }
}

/** Grey of which 0 is white; alpha stays. */
function invert(samples: Samples, shape: Layout): void {
  const top = largest(shape);
  for (let at = 0; at < samples.length; at += shape.channels) samples[at] = top - (samples[at] as number);
}
