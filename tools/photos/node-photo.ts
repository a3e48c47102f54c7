/** Photos in Node, for tests: the app's own decoders where they need no browser, sharp in place of the browser's. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { EngineError } from '../../workers/errors.ts';
import type { Bytes } from '../../workers/photo/bytes.ts';
import type { BitmapOptions } from '../../workers/photo/codec/bitmap.ts';
import { makeSamples, type Rows } from '../../workers/photo/codec/rows.ts';
import type { LoadCodec } from '../../workers/photo/codec/wasm.ts';
import { type DecodedPhoto, decodePhoto } from '../../workers/photo/decode.ts';

const { resolve } = createRequire(import.meta.url);
const WASM = {
  libheif: resolve('libheif-js/libheif-wasm/libheif.wasm'),
  avif: resolve('@jsquash/avif/codec/dec/avif_dec.wasm'),
  jxl: join(dirname(resolve('jxl-oxide-wasm/package.json')), 'jxl_oxide_wasm_bg.wasm'),
};

export const loadCodec: LoadCodec = async (name) => new Uint8Array(readFileSync(WASM[name]));

export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../workers/photo/fixtures/${name}`, import.meta.url));

export const fileOf = (path: string): Blob => new Blob([readFileSync(path)]);

/** In place of the browser's decoder: sharp, with its own conversion of colours only where it is asked for. */
async function sharpRows(file: Blob, { type, components, own }: BitmapOptions): Promise<Rows> {
  // As in Chromium.
  if (type === 'heic') throw new EngineError('unsupported-image', 'no HEVC', { type });
  const image = sharp(Buffer.from(await file.arrayBuffer()), { limitInputPixels: false, ignoreIcc: own });
  if (type === 'jpeg') image.rotate();
  if (components === 1) image.toColourspace('b-w');
  else image.toColourspace('srgb');
  const { data, info } = await image
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((error: unknown) => {
      throw new EngineError('corrupt-image', String(error), { type });
    });
  const { width, height, channels } = info;
  const samples = new Uint8Array(data);
  return {
    width,
    height,
    channels,
    bits: 8,
    async *bands() {
      yield { top: 0, rows: height, samples };
    },
  };
}

export const nodePhoto = (file: Blob): Promise<DecodedPhoto> =>
  decodePhoto(file, { load: loadCodec, browser: sharpRows });

/** All samples of a picture. */
export async function samplesOf(rows: Rows) {
  const { width, height, channels, bits } = rows;
  const all = makeSamples(bits, width * height * channels);
  for await (const { top, samples } of rows.bands()) all.set(samples, top * width * channels);
  return all;
}

export const bytesOf = async (file: Blob): Promise<Bytes> => new Uint8Array(await file.arrayBuffer());
