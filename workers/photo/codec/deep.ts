/**
 * AVIF and HEIC of more than 8 bits a channel as 16 bits, which browsers give 8 of: libavif (@jsquash/avif) and libheif, fetched
 * when the first such photo is opened. Both run without eval.
 */
import { EngineError } from '../../errors.ts';
import { checkPixels } from '../sniff.ts';
import { corrupt, type Rows } from './rows.ts';
import { binary, type LoadCodec, withHeif } from './wasm.ts';

/** Decoding takes 16 to 24 bytes a px on top of the result: 1.2 GB here. Larger photos are left to the browser, with 8 bits. */
export const MOST_DEEP_PIXELS = 50e6;

interface Avif {
  decode(bytes: Uint8Array, bits: 16): { data: Uint16Array; width: number; height: number } | null;
}

/** As stored: libavif leaves turning and cropping to others. RGB and alpha, in the picture's own colour space. */
export async function deepAvifRows(file: Blob, load: LoadCodec): Promise<Rows> {
  const { default: make } = (await import('@jsquash/avif/codec/dec/avif_dec.js')) as unknown as {
    default: (options: object) => Promise<Avif>;
  };
  const bytes = new Uint8Array(await file.arrayBuffer());
  const wasmBinary = await binary(load, 'avif');
  try {
    const avif = await make({ noInitialRun: true, wasmBinary, locateFile: (name: string) => name });
    const decoded = avif.decode(bytes, 16);
    if (!decoded) throw corrupt('the AVIF can not be decoded');
    checkPixels(decoded.width, decoded.height);
    return rowsOf(decoded.data, decoded.width, decoded.height, 4);
  } catch (cause) {
    if (cause instanceof EngineError) throw cause;
    throw corrupt(cause instanceof Error ? cause.message : String(cause));
  }
}

/** The main picture, upright, in its own colour space. */
export function deepHeicRows(file: Blob, load: LoadCodec): Promise<Rows> {
  return withHeif(file, load, (heif, image) => {
    const channels = image.has_alpha_channel() ? 4 : 3;
    const { heif_chroma: chroma, heif_colorspace: space } = heif;
    const form = channels === 4 ? chroma.heif_chroma_interleaved_RRGGBBAA_LE : chroma.heif_chroma_interleaved_RRGGBB_LE;
    const decoded = heif.heif_js_decode_image2(image.handle, space.heif_colorspace_RGB, form);
    const plane = 'channels' in decoded ? decoded.channels[0] : undefined;
    if (!plane || !('image' in decoded)) throw corrupt('the HEIC can not be decoded');
    try {
      const { width, height, stride, data, bits_per_pixel: bits } = plane;
      const samples = new Uint16Array(width * height * channels);
      const perRow = width * channels;
      // A view of the decoder's memory: no call of it may come between.
      const stored = new Uint16Array(data.buffer, data.byteOffset, (stride / 2) * height);
      for (let y = 0; y < height; y++) {
        const from = (y * stride) / 2;
        for (let i = 0; i < perRow; i++) samples[y * perRow + i] = widened(stored[from + i] as number, bits);
      }
      return rowsOf(samples, width, height, channels);
    } finally {
      heif.heif_image_release(decoded.image);
    }
  });
}

/** From `bits`, 9 to 16, to 16, so that the largest becomes the largest. */
const widened = (value: number, bits: number) => (value << (16 - bits)) | (value >> (2 * bits - 16));

function rowsOf(samples: Uint16Array, width: number, height: number, channels: 3 | 4): Rows {
  return {
    width,
    height,
    channels,
    bits: 16,
    async *bands() {
      yield { top: 0, rows: height, samples };
    },
  };
}
