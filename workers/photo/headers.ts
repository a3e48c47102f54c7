/**
 * Width and height from image headers. Reads past the end throw RangeError (DataView does), which the caller turns
 * into "corrupt".
 */
import { EngineError } from '../errors.ts';

export interface HeaderSize {
  /** px as stored (before orientation), or null where the header does not say so early. */
  readonly width: number | null;
  readonly height: number | null;
  /** Colour components of a JPEG: 1 grey, 3 colour, 4 CMYK. Null for other types. */
  readonly components: number | null;
  /** Marker of a JPEG's frame header: C0 baseline, C2 progressive, C3 lossless. */
  readonly frame?: number;
}

const tag = (view: DataView, at: number) =>
  String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));

/** PNG specification, 11.2.1: IHDR is the first chunk. */
export function pngSize(view: DataView): HeaderSize {
  if (tag(view, 12) !== 'IHDR') throw new EngineError('corrupt-image', 'a PNG without IHDR');
  return { width: view.getUint32(16), height: view.getUint32(20), components: null };
}

/** ITU T.81, B.2: segments up to the first start of frame. */
export function jpegSize(view: DataView): HeaderSize {
  let at = 2;
  for (;;) {
    if (view.getUint8(at) !== 0xff) throw new EngineError('corrupt-image', 'a JPEG segment without its marker');
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1; // A fill byte.
      continue;
    }
    // SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC).
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      return {
        height: view.getUint16(at + 5),
        width: view.getUint16(at + 7),
        components: view.getUint8(at + 9),
        frame: marker,
      };
    }
    if (marker === 0xd9 || marker === 0xda) throw new EngineError('corrupt-image', 'a JPEG without a frame');
    // RST and TEM stand alone; other segments carry their length.
    at += (marker >= 0xd0 && marker <= 0xd7) || marker === 0x01 ? 2 : 2 + view.getUint16(at + 2);
  }
}

/** WebP container specification: VP8X, VP8L or VP8 is the first chunk. */
export function riffSize(view: DataView): HeaderSize {
  const chunk = tag(view, 12);
  if (chunk === 'VP8X') {
    const uint24 = (at: number) => view.getUint16(at, true) + view.getUint8(at + 2) * 65536;
    return { width: 1 + uint24(24), height: 1 + uint24(27), components: null };
  }
  if (chunk === 'VP8L') {
    const bits = view.getUint32(21, true);
    return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff), components: null };
  }
  if (chunk !== 'VP8 ') throw new EngineError('corrupt-image', 'a WebP without a picture');
  // RFC 6386, 9.1: 14 bits of size, 2 of scaling.
  return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff, components: null };
}

/**
 * ISO 23008-12 (HEIF): meta / iprp / ipco / ispe. A grid has an `ispe` for the whole and for its pieces; the largest
 * is the picture's.
 */
export function isobmffSize(view: DataView): HeaderSize {
  let width: number | null = null;
  let height: number | null = null;
  const walk = (from: number, to: number, path: string) => {
    let at = from;
    while (at + 8 <= to) {
      const length = view.getUint32(at);
      const name = tag(view, at + 4);
      // 0 means up to the end; 1 announces a 64-bit length, which only media data has.
      const end = length === 0 ? to : length === 1 ? at + Number(view.getBigUint64(at + 8)) : at + length;
      if (end <= at || end > to) return;
      const here = `${path}/${name}`;
      if (here === '/meta') walk(at + 12, end, here);
      else if (here === '/meta/iprp' || here === '/meta/iprp/ipco') walk(at + 8, end, here);
      else if (here === '/meta/iprp/ipco/ispe') {
        const [w, h] = [view.getUint32(at + 12), view.getUint32(at + 16)];
        if (w * h > (width ?? 0) * (height ?? 0)) [width, height] = [w, h];
      }
      at = end;
    }
  };
  walk(0, view.byteLength, '');
  return { width, height, components: null };
}
