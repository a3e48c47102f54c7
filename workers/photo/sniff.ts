/**
 * What a file is, from its first bytes: type by magic numbers, size by its header. Done before decoding, so that a
 * file that claims to be 30000 × 30000 px never gets memory. Pure.
 */
import { EngineError } from '../errors.ts';
import { type HeaderSize, isobmffSize, jpegSize, pngSize, riffSize } from './headers.ts';
import { MAX_PIXELS } from './limits.ts';

export type ImageType = 'png' | 'jpeg' | 'webp' | 'gif' | 'avif' | 'bmp' | 'heic' | 'tiff' | 'jxl' | 'raw';

export interface Sniffed extends HeaderSize {
  readonly type: ImageType;
}

/** Bytes from the start that `sniff` wants: JPEG files may carry large metadata before their size. */
export const SNIFF_BYTES = 4 * 1024 * 1024;

const ascii = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));

/** The type by magic numbers, or null for what is none of the known image types. */
export function imageType(bytes: Uint8Array): ImageType | null {
  const starts = (...magic: number[]) => magic.every((byte, index) => bytes[index] === byte);
  if (starts(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return 'png';
  if (starts(0xff, 0xd8, 0xff)) return 'jpeg';
  if (ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP') return 'webp';
  if (/^GIF8[79]a$/.test(ascii(bytes, 0, 6))) return 'gif';
  if (ascii(bytes, 4, 8) === 'ftyp') return brandType(bytes);
  if (ascii(bytes, 0, 2) === 'BM' && bytes.length >= 26) return 'bmp';
  if (starts(0x49, 0x49, 0x2a, 0) || starts(0x4d, 0x4d, 0, 0x2a)) return 'tiff';
  // Olympus, Panasonic, Fujifilm; others are TIFF to the letter and told apart later.
  if (/^(II(RO|RS|U\0)|MMOR)/.test(ascii(bytes, 0, 4)) || ascii(bytes, 0, 15) === 'FUJIFILMCCD-RAW') return 'raw';
  if (starts(0xff, 0x0a) || starts(0, 0, 0, 0x0c, 0x4a, 0x58, 0x4c, 0x20)) return 'jxl';
  return null;
}

/** AVIF and HEIC share a container: the brands of its first box tell them apart. */
function brandType(bytes: Uint8Array): ImageType | null {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const brands = ascii(bytes, 8, Math.min(length, 128, bytes.length));
  if (brands.startsWith('crx ')) return 'raw';
  if (/avi[fs]/.test(brands)) return 'avif';
  return /hei[cxms]|hev[cx]|mif1|msf1/.test(brands) ? 'heic' : null;
}

/**
 * @param bytes the first `SNIFF_BYTES` of the file, or all of it
 * @throws EngineError 'empty-file'; 'not-an-image'; 'corrupt-image' when the header ends early or is nonsense;
 *   'too-many-pixels' with `pixels`, `limit`, `width`, `height`
 */
export function sniff(bytes: Uint8Array, maxPixels: number = MAX_PIXELS): Sniffed {
  if (bytes.length === 0) throw new EngineError('empty-file');
  const type = imageType(bytes);
  if (!type) throw new EngineError('not-an-image');
  const size = headerSize(type, bytes);
  if (size.width !== null && size.height !== null) checkPixels(size.width, size.height, maxPixels);
  return { type, ...size };
}

/** @throws EngineError 'too-many-pixels', or 'corrupt-image' for a side that is not above 0 */
export function checkPixels(width: number, height: number, maxPixels: number = MAX_PIXELS): void {
  if (width <= 0 || height <= 0) throw new EngineError('corrupt-image', `${width} × ${height} px`);
  const pixels = width * height;
  if (pixels > maxPixels) {
    throw new EngineError('too-many-pixels', `${width} × ${height} px`, { pixels, limit: maxPixels, width, height });
  }
}

const UNKNOWN: HeaderSize = { width: null, height: null, components: null };

function headerSize(type: ImageType, bytes: Uint8Array): HeaderSize {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    switch (type) {
      case 'png':
        return pngSize(view);
      case 'jpeg':
        return jpegSize(view);
      case 'webp':
        return riffSize(view);
      case 'avif':
      case 'heic':
        return isobmffSize(view);
      case 'gif':
        return { width: view.getUint16(6, true), height: view.getUint16(8, true), components: null };
      case 'bmp':
        // Height is negative in files whose rows go from the top.
        return { width: view.getInt32(18, true), height: Math.abs(view.getInt32(22, true)), components: null };
      case 'tiff':
      case 'jxl':
      case 'raw':
        return UNKNOWN;
    }
  } catch (cause) {
    if (cause instanceof RangeError) throw new EngineError('corrupt-image', `the ${type} header ends early`);
    throw cause;
  }
}
