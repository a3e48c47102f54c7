/**
 * Decoders that browsers lack, fetched when the first such photo is opened and stored from then on: HEIC (libheif,
 * LGPL-3.0, its own file) and JPEG XL (jxl-oxide). Both run without eval.
 */
import { EngineError } from '../../errors.ts';
import { gunzip, isGzip } from '../../runtime/inflate.ts';
import { checkPixels } from '../sniff.ts';
import { corrupt, type Rows } from './rows.ts';

/** Gives the wasm of a decoder, as it lies beside the app: `<name>.wasm`, gzip-compressed or not. */
export type CodecName = 'libheif' | 'jxl' | 'avif';
export type LoadCodec = (name: CodecName) => Promise<Uint8Array<ArrayBuffer>>;

export async function binary(load: LoadCodec, name: CodecName): Promise<ArrayBuffer> {
  const bytes = await load(name);
  return isGzip(bytes) ? gunzip(bytes) : (bytes.slice().buffer as ArrayBuffer);
}

/** JPEG XL becomes a PNG with the same samples, 8 or 16 bits, and the same profile. */
export async function jxlToPng(file: Blob, load: LoadCodec): Promise<Blob> {
  const { default: start, JxlImage } = await import('jxl-oxide-wasm');
  await start({ module_or_path: await binary(load, 'jxl') });
  const image = new JxlImage();
  try {
    image.feedBytes(new Uint8Array(await file.arrayBuffer()));
    if (!image.tryInit()) throw corrupt('the JPEG XL header ends early');
    checkPixels(image.width ?? 0, image.height ?? 0);
    // Encoding takes the frame's memory over and frees it.
    return new Blob([image.render(0).encodeToPng() as Uint8Array<ArrayBuffer>], { type: 'image/png' });
  } catch (cause) {
    if (cause instanceof EngineError) throw cause;
    throw corrupt(cause instanceof Error ? cause.message : String(cause));
  } finally {
    // After a panic its memory is not to be touched any more.
    try {
      image.free();
    } catch {}
  }
}

interface HeifImage {
  readonly handle: unknown;
  get_width(): number;
  get_height(): number;
  is_primary(): boolean | number;
  has_alpha_channel(): boolean;
  display(
    target: { data: Uint8ClampedArray; width: number; height: number },
    done: (shown: object | null) => void,
  ): void;
  free(): void;
}

interface HeifPlane {
  readonly width: number;
  readonly height: number;
  /** Bytes. */
  readonly stride: number;
  readonly bits_per_pixel: number;
  readonly data: Uint8Array;
}

interface Heif {
  readonly HeifDecoder: new () => { decode(bytes: Uint8Array): HeifImage[] };
  readonly heif_chroma: Readonly<
    Record<'heif_chroma_interleaved_RRGGBB_LE' | 'heif_chroma_interleaved_RRGGBBAA_LE', object>
  >;
  readonly heif_colorspace: Readonly<Record<'heif_colorspace_RGB', object>>;
  heif_js_decode_image2(
    handle: unknown,
    space: object,
    chroma: object,
  ): { readonly image: object; readonly channels: readonly HeifPlane[] } | { readonly code: object };
  heif_image_release(image: object): void;
}

/** Opens the file's main picture and frees it afterwards. @throws EngineError 'corrupt-image', 'too-many-pixels' */
export async function withHeif<T>(
  file: Blob,
  load: LoadCodec,
  use: (heif: Heif, image: HeifImage) => T | Promise<T>,
): Promise<T> {
  const { default: make } = (await import('libheif-js/libheif-wasm/libheif.js')) as unknown as {
    default: (options: { wasmBinary: ArrayBuffer }) => Heif | Promise<Heif>;
  };
  const heif = await make({ wasmBinary: await binary(load, 'libheif') });
  let images: HeifImage[] = [];
  try {
    images = new heif.HeifDecoder().decode(new Uint8Array(await file.arrayBuffer()));
    const image = images.find((one) => one.is_primary()) ?? images[0];
    if (!image) throw corrupt('a HEIC without a picture');
    checkPixels(image.get_width(), image.get_height());
    return await use(heif, image);
  } catch (cause) {
    if (cause instanceof EngineError) throw cause;
    throw corrupt(cause instanceof Error ? cause.message : String(cause));
  } finally {
    for (const image of images) image.free();
  }
}

/** 8-bit RGBA of the main picture, upright, in the picture's own colour space. */
export function heicRows(file: Blob, load: LoadCodec): Promise<Rows> {
  return withHeif(file, load, async (_, image) => {
    const [width, height] = [image.get_width(), image.get_height()];
    const data = new Uint8ClampedArray(4 * width * height);
    const shown = await new Promise<object | null>((resolve) => image.display({ data, width, height }, resolve));
    if (!shown) throw corrupt('the HEIC can not be decoded');
    const samples = new Uint8Array(data.buffer);
    return {
      width,
      height,
      channels: 4,
      bits: 8,
      async *bands() {
        yield { top: 0, rows: height, samples };
      },
    };
  });
}
