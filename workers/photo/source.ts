/** A photo's file as the engine keeps it: how to decode it again in its own colours, and what it says beside them. */
import { EngineError } from '../errors.ts';
import { type BitmapOptions, bitmapRows } from './codec/bitmap.ts';
import { deepAvifRows, deepHeicRows, MOST_DEEP_PIXELS } from './codec/deep.ts';
import { pngRows } from './codec/png-read.ts';
import { isRawTiff, rawPreview } from './codec/raw.ts';
import { type Layout, type Rows, upright } from './codec/rows.ts';
import { tiffRows, tiffSize } from './codec/tiff-read.ts';
import { type CodecName, heicRows, jxlToPng, type LoadCodec } from './codec/wasm.ts';
import { type Colour, colourOf } from './colour/convert.ts';
import { type Profile, readProfile } from './colour/icc.ts';
import type { BoxFacts } from './meta/boxes.ts';
import type { Loss, Metadata } from './meta/metadata.ts';
import { readPng } from './meta/png.ts';
import { readMetadata } from './meta/read.ts';
import { webpWithoutExif } from './meta/webp.ts';
import { checkPixels, type ImageType, SNIFF_BYTES, type Sniffed, sniff } from './sniff.ts';

export interface PhotoSource {
  readonly type: ImageType;
  readonly meta: Metadata;
  readonly lost: readonly Loss[];
  /** Upright samples in the photo's own colour space, from the file. @throws EngineError 'corrupt-image' and others */
  rows(): Promise<Rows>;
  /** How those samples relate to sRGB, which depends on whether they are grey. */
  colour(layout: Layout): Colour;
  /** The profile that belongs to the samples. */
  readonly icc: Metadata['icc'];
}

/** How photos are decoded that this app has no decoder of its own for. */
export interface Decoders {
  readonly load: LoadCodec;
  /** The browser's; `bitmapRows` where absent. */
  readonly browser?: (file: Blob, options: BitmapOptions) => Promise<Rows>;
}

/**
 * What a file is, without its pixels.
 *
 * @throws EngineError 'empty-file', 'not-an-image', 'too-many-pixels', 'corrupt-image', 'unsupported-image'
 */
export async function openSource(file: Blob, decoders: Decoders): Promise<PhotoSource> {
  const sniffed = sniff(new Uint8Array(await file.slice(0, SNIFF_BYTES).arrayBuffer()));
  if (sniffed.type === 'raw' || (sniffed.type === 'tiff' && (await isRawTiff(file)))) return rawSource(file, decoders);
  if (sniffed.type === 'tiff') {
    const size = await tiffSize(file);
    if (size) checkPixels(size.width, size.height);
  }
  return source(sniffed, file, await readMetadata(sniffed.type, file), decoders);
}

async function rawSource(file: Blob, decoders: Decoders): Promise<PhotoSource> {
  const preview = await rawPreview(file);
  const inner = await openSource(preview, decoders);
  const outer = await readMetadata('tiff', file);
  // What the preview says of itself counts; most say nothing.
  const own = inner.meta.exif !== null || outer.exif === null;
  const meta = own ? inner.meta : { ...inner.meta, exif: outer.exif, xmp: outer.xmp, iptc: outer.iptc };
  const turn = own ? 1 : outer.orientation;
  return {
    ...inner,
    type: 'raw',
    meta,
    lost: [...new Set<Loss>([...inner.lost.filter((loss) => loss !== 'more-pictures'), 'raw'])],
    rows: async () => upright(await inner.rows(), turn),
  };
}

/** ITU-T H.273: what is sRGB, or as good as. */
const isSrgb = ({ primaries, transfer }: { primaries: number; transfer: number }) =>
  (primaries === 1 || primaries === 2) && [1, 2, 6, 13].includes(transfer);

async function source(
  { type, components, width, height }: Sniffed,
  file: Blob,
  given: Metadata & Partial<BoxFacts>,
  { load, browser = bitmapRows }: Decoders,
): Promise<PhotoSource> {
  let meta = given;
  const lost = new Set<Loss>(given.lost);
  if (type === 'jxl') {
    const png = await jxlToPng(file, load).catch((error) => {
      // Without the network the first time: some browsers can do it themselves.
      if (error instanceof EngineError && error.code === 'pack-missing') return null;
      throw error;
    });
    if (png) {
      const { icc } = await readPng(png);
      meta = { ...given, icc };
      return finish(type, meta, lost, async () => pngRows(png));
    }
  }
  const profile = meta.icc ? readProfile(meta.icc) : null;
  // CMYK, profiles that are tables, HDR: the browser makes sRGB of them.
  const isTable = profile?.kind === 'other' || components === 4;
  const foreign = isTable || (!meta.icc && meta.nclx != null && !isSrgb(meta.nclx));
  if (foreign) lost.add('profile');
  const isDeep = (meta.bits ?? 8) > 8;
  // What codes its colours otherwise is the browser's to convert, and so is an AVIF that is turned: libavif does neither.
  const wanted =
    isDeep && !foreign && (width ?? 0) * (height ?? 0) <= MOST_DEEP_PIXELS && !(type === 'avif' && meta.turned);
  const codec = !wanted ? null : type === 'avif' ? 'avif' : type === 'heic' ? 'libheif' : null;
  const deep = codec !== null && (await isThere(load, codec));
  if (isDeep && !deep) lost.add('depth');
  const viaBrowser = (blob: Blob) => browser(blob, { type, components, own: !foreign });
  const turned = async (rows: Promise<Rows>) => upright(await rows, meta.orientation);
  const shown = foreign ? { ...meta, icc: null } : meta;
  switch (type) {
    case 'png':
      // A profile that is no matrix is the browser's to apply, which also turns the picture or not: rare enough.
      return finish(type, shown, lost, () => (foreign ? viaBrowser(file) : turned(pngRows(file))));
    case 'webp':
      return finish(type, shown, lost, async () => turned(viaBrowser(await webpWithoutExif(file))));
    case 'tiff':
      return finish(type, shown, lost, () => turned(tiffRows(file, browser)));
    case 'avif':
      return finish(type, shown, lost, () => (deep ? deepAvifRows(file, load) : viaBrowser(file)));
    case 'heic':
      if (deep) return finish(type, shown, lost, () => deepHeicRows(file, load));
      return finish(type, shown, lost, () =>
        viaBrowser(file).catch((error) => {
          if (error instanceof EngineError && error.code === 'unsupported-image') return heicRows(file, load);
          throw error;
        }),
      );
    default:
      return finish(type, shown, lost, () => viaBrowser(file));
  }
}

/** Not without the network the first time. */
async function isThere(load: LoadCodec, name: CodecName): Promise<boolean> {
  return load(name).then(
    () => true,
    (error) => {
      if (error instanceof EngineError && error.code === 'pack-missing') return false;
      throw error;
    },
  );
}

function finish(type: ImageType, meta: Metadata, lost: ReadonlySet<Loss>, rows: () => Promise<Rows>): PhotoSource {
  const profile: Profile | null = meta.icc ? readProfile(meta.icc) : null;
  const colour = ({ channels }: Layout) => colourOf(profile, channels < 3 ? 1 : 3);
  return { type, meta, lost: [...lost], rows, colour, icc: meta.icc };
}
