/** From a restored photo to a file in the photo's own colours. Runs in a worker: WebP needs OffscreenCanvas. */
import { canvas2d } from '../canvas.ts';
import type { ExportFormat } from '../protocol.ts';
import { type Blend, blendLines, lineShares } from './blend.ts';
import { writeJpeg } from './codec/jpeg-write.ts';
import { writePng } from './codec/png-write.ts';
import {
  type Band,
  bandRowsOf,
  hasAlpha,
  type Layout,
  makeSamples,
  mapped,
  type Rows,
  release,
  type Samples,
} from './codec/rows.ts';
import { writeTiff } from './codec/tiff-write.ts';
import type { DecodedPhoto } from './decode.ts';
import type { Loss, Privacy } from './meta/metadata.ts';
import { outgoing } from './meta/outgoing.ts';
import { webpWith } from './meta/webp.ts';
import type { Recipe } from './meta/xmp.ts';
import { checkSides, notWritten } from './save-limits.ts';

export interface SaveOptions {
  readonly format: ExportFormat;
  /** 0 to 1, for jpeg and webp. */
  readonly quality: number;
  readonly blend: Blend;
  readonly privacy: Privacy;
  readonly recipes: readonly Recipe[];
}

/**
 * Encodes a result at the photo's own size: 16 bits stay 16 bits in PNG and TIFF, grey stays grey, the profile stays with
 * the colours that it describes. JPEG has no alpha: transparent parts come out on white.
 *
 * @param restored 8-bit sRGB, of the photo's size
 * @throws EngineError 'save-unsupported' where the format has no room for the photo's sides, or the browser does not write it
 *   (WebP: in Safari, or where there is no canvas of that size)
 */
export async function encodePhoto(
  photo: DecodedPhoto,
  restored: Uint8Array,
  { format, quality, blend, privacy, recipes }: SaveOptions,
): Promise<{ file: Blob; lost: Loss[] }> {
  checkSides(format, photo);
  const rows = withoutNeedlessAlpha(await resultRows(photo, restored, blend, format === 'webp'), photo);
  const { width, height } = rows;
  const { source } = photo;
  // WebP has no grey, and a profile for grey does not fit its RGB.
  const icc = format === 'webp' && photo.layout.channels < 3 ? null : source.icc;
  const meta = outgoing(source.meta, { width, height, privacy, recipes, icc, jpeg: format === 'jpeg' });
  if (format === 'png') return { file: await writePng(rows, meta), lost: [] };
  if (format === 'tiff') return { file: await writeTiff(rows, meta), lost: [] };
  if (format === 'jpeg') return writeJpeg(overWhite(narrow(rows)), meta, quality);
  return webpWith(await canvasBlob(narrow(rows), quality), meta, width, height);
}

/** The result's samples in the photo's own space and depth. `asSrgb`: 8-bit sRGB instead, for grey. */
async function resultRows(photo: DecodedPhoto, restored: Uint8Array, blend: Blend, asSrgb: boolean): Promise<Rows> {
  const { layout, source } = photo;
  const colour = source.colour(layout);
  if ((colour.isSrgb && layout.bits === 8) || (asSrgb && colour.channels === 1))
    return srgbRows(photo, restored, blend);
  const rows = await source.rows();
  const scratch = new Scratch(layout.bits);
  return mapped(rows, layout, (band) => changed(band, photo, restored, blend, scratch));
}

/** Memory for one band after the other. */
class Scratch {
  #samples: Samples;

  constructor(bits: 8 | 16) {
    this.#samples = makeSamples(bits, 0);
  }

  copy(from: Samples): Samples {
    if (this.#samples.length < from.length) this.#samples = from.slice();
    else this.#samples.set(from);
    return this.#samples.subarray(0, from.length);
  }
}

/** Own value + share · own change. */
function changed(band: Band, photo: DecodedPhoto, restored: Uint8Array, blend: Blend, scratch: Scratch): Samples {
  const { layout, width, height, rgb } = photo;
  const { channels, bits } = layout;
  const colour = photo.source.colour(layout);
  const top = bits === 16 ? 65535 : 255;
  const change = new Float64Array(3);
  const shares = new Float32Array(width);
  const samples = scratch.copy(band.samples);
  for (let y = 0; y < band.rows; y++) {
    lineShares(blend, band.top + y, width, height, shares);
    for (let x = 0; x < width; x++) {
      const share = shares[x] as number;
      if (share === 0) continue;
      colour.change(rgb, restored, 3 * ((band.top + y) * width + x), change);
      const at = (y * width + x) * channels;
      for (let c = 0; c < colour.channels; c++) {
        const value = (samples[at + c] as number) + Math.round(share * (change[c] as number) * top);
        samples[at + c] = value < 0 ? 0 : value > top ? top : value;
      }
    }
  }
  return samples;
}

function srgbRows(photo: DecodedPhoto, restored: Uint8Array, blend: Blend): Rows {
  const { width, height, alpha, rgb } = photo;
  const channels = alpha ? 4 : 3;
  const layout: Layout = { width, height, channels, bits: 8 };
  const perBand = bandRowsOf(layout);
  return {
    ...layout,
    async *bands() {
      for (let top = 0; top < height; top += perBand) {
        const rows = Math.min(perBand, height - top);
        const lines = blendLines(rgb, restored, blend, photo, top, rows);
        yield { top, rows, samples: alpha ? withAlpha(lines, alpha, top * width) : lines };
      }
    },
  };
}

function withAlpha(rgb: Uint8Array, alpha: Uint8Array, at: number): Uint8Array {
  const out = new Uint8Array((rgb.length / 3) * 4);
  for (let i = 0; i < rgb.length / 3; i++) {
    for (let c = 0; c < 3; c++) out[4 * i + c] = rgb[3 * i + c] as number;
    out[4 * i + 3] = alpha[at + i] as number;
  }
  return out;
}

/** A photo that is opaque everywhere needs no alpha, however it was stored. */
function withoutNeedlessAlpha(rows: Rows, photo: DecodedPhoto): Rows {
  if (!hasAlpha(rows) || photo.alpha) return rows;
  const { channels, bits } = rows;
  const kept = (channels - 1) as 1 | 3;
  return mapped(rows, { ...rows, channels: kept }, ({ samples }) => {
    const out = makeSamples(bits, (samples.length / channels) * kept);
    for (let from = 0, to = 0; from < samples.length; from += channels) {
      for (let c = 0; c < kept; c++) out[to++] = samples[from + c] as number;
    }
    return out;
  });
}

function narrow(rows: Rows): Rows {
  if (rows.bits === 8) return rows;
  return mapped(rows, { ...rows, bits: 8 }, ({ samples }) => Uint8Array.from(samples, (value) => (value + 128) / 257));
}

function overWhite(rows: Rows): Rows {
  if (!hasAlpha(rows)) return rows;
  const { channels } = rows;
  const kept = (channels - 1) as 1 | 3;
  return mapped(rows, { ...rows, channels: kept }, ({ samples }) => {
    const out = new Uint8Array((samples.length / channels) * kept);
    for (let from = 0, to = 0; from < samples.length; from += channels) {
      const alpha = (samples[from + kept] as number) / 255;
      for (let c = 0; c < kept; c++) out[to++] = Math.round((samples[from + c] as number) * alpha + 255 * (1 - alpha));
    }
    return out;
  });
}

async function canvasBlob(rows: Rows, quality: number): Promise<Blob> {
  const { width, height, channels } = rows;
  const context = canvas2d(width, height, { alpha: hasAlpha(rows), willReadFrequently: true });
  if (!context) throw notWritten('webp', `no canvas of ${width} × ${height} px`);
  for await (const { top, rows: count, samples } of rows.bands()) {
    const rgba = new Uint8ClampedArray(4 * count * width).fill(255);
    for (let from = 0, to = 0; from < samples.length; from += channels, to += 4) {
      for (let c = 0; c < channels; c++) rgba[to + c] = samples[from + c] as number;
    }
    context.putImageData(new ImageData(rgba, width, count), 0, top);
    release(rgba.buffer);
  }
  let blob: Blob;
  try {
    blob = await context.canvas.convertToBlob({ type: 'image/webp', quality: Math.min(1, Math.max(0, quality)) });
  } catch (cause) {
    throw notWritten('webp', cause instanceof Error ? cause.message : String(cause));
  }
  // A browser that can't write a type answers with PNG instead of failing.
  if (blob.type !== 'image/webp') throw notWritten('webp', `got ${blob.type}`);
  return blob;
}
