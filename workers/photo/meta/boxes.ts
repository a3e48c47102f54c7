/** Metadata of files made of boxes: HEIC and AVIF (ISO 23008-12) and JPEG XL (ISO 18181-2). */
import { ascii, type Bytes, concat, fromUtf8, readAt, viewOf } from '../bytes.ts';
import { type Loss, type Metadata, NO_METADATA } from './metadata.ts';
import { announces } from './xmp.ts';

export interface Box {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** Boxes of a range; stops at the first that makes no sense. */
export function boxesOf(view: DataView, from: number, to: number): Box[] {
  const found: Box[] = [];
  for (let at = from; at + 8 <= to && found.length < 10_000; ) {
    const short = view.getUint32(at);
    const isLong = short === 1 && at + 16 <= to;
    const length = short === 0 ? to - at : isLong ? Number(view.getBigUint64(at + 8)) : short;
    const head = isLong ? 16 : 8;
    if (length < head || at + length > to) break;
    found.push({
      name: ascii(new Uint8Array(view.buffer, view.byteOffset + at + 4, 4)),
      from: at + head,
      to: at + length,
    });
    at += length;
  }
  return found;
}

/** Top boxes of a file, without reading what they hold. */
export async function topBoxes(file: Blob): Promise<Box[]> {
  const found: Box[] = [];
  for (let at = 0; at + 8 <= file.size && found.length < 1000; ) {
    const head = await readAt(file, at, 16);
    const view = viewOf(head);
    const short = view.getUint32(0);
    const isLong = short === 1 && head.length === 16;
    const length = short === 0 ? file.size - at : isLong ? Number(view.getBigUint64(8)) : short;
    if (length < (isLong ? 16 : 8)) break;
    found.push({ name: ascii(head, 4, 8), from: at + (isLong ? 16 : 8), to: Math.min(file.size, at + length) });
    at += length;
  }
  return found;
}

const META_LIMIT = 64 * 2 ** 20;

/** Colour as nclx says it: ITU-T H.273 codes. */
export interface Nclx {
  readonly primaries: number;
  readonly transfer: number;
}

export interface BoxFacts extends Metadata {
  readonly nclx: Nclx | null;
  /** Bits a channel, as the picture's properties say; 8 where they do not. */
  readonly bits: number;
  /** By its own properties the picture is turned, mirrored or cropped. */
  readonly turned: boolean;
}

/** The picture in such a file is turned by its own properties, which decoders apply: EXIF's orientation does not count. */
export async function readHeif(file: Blob): Promise<BoxFacts> {
  const none: BoxFacts = { ...NO_METADATA, nclx: null, bits: 8, turned: false };
  const meta = (await topBoxes(file)).find(({ name }) => name === 'meta');
  if (!meta || meta.to - meta.from > META_LIMIT) return none;
  const bytes = await readAt(file, meta.from, meta.to - meta.from);
  const view = viewOf(bytes);
  try {
    return await readMeta(file, bytes, view);
  } catch (cause) {
    if (cause instanceof RangeError) return { ...none, lost: ['damaged'] };
    throw cause;
  }
}

async function readMeta(file: Blob, bytes: Bytes, view: DataView): Promise<BoxFacts> {
  const boxes = boxesOf(view, 4, bytes.length);
  const box = (name: string) => boxes.find((one) => one.name === name);
  const items = itemsOf(view, box('iinf'));
  const places = placesOf(view, box('iloc'));
  const idat = box('idat');
  const read = async (id: number): Promise<Bytes | null> => {
    const place = places.get(id);
    if (!place || place.reduce((sum, { length }) => sum + length, 0) > META_LIMIT) return null;
    const parts = place.map(({ method, offset, length }) =>
      method === 1 && idat
        ? bytes.slice(idat.from + offset, idat.from + offset + length)
        : readAt(file, offset, length),
    );
    return concat(...(await Promise.all(parts)));
  };
  const exifItem = items.find(({ type }) => type === 'Exif');
  const xmpItem = items.find(({ type, mime }) => type === 'mime' && mime === 'application/rdf+xml');
  const exifData = exifItem && (await read(exifItem.id));
  const xmpData = xmpItem && (await read(xmpItem.id));
  // ISO 23008-12, A.2.1: the offset of the TIFF header stands before it.
  const exif = exifData && exifData.length > 4 ? exifData.slice(4 + viewOf(exifData).getUint32(0)) : null;
  const xmp = xmpData ? fromUtf8(xmpData) : null;
  const lost: Loss[] = [];
  if (xmp && announces(xmp).gainMap) lost.push('gain-map');
  if (items.some(({ type }) => type === 'tmap')) lost.push('gain-map');
  return {
    ...NO_METADATA,
    exif,
    xmp,
    lost: [...new Set(lost)],
    ...propertiesOf(view, bytes, box('iprp'), primaryOf(view, box('pitm'))),
  };
}

function primaryOf(view: DataView, pitm: Box | undefined): number | null {
  if (!pitm) return null;
  return view.getUint8(pitm.from) === 0 ? view.getUint16(pitm.from + 4) : view.getUint32(pitm.from + 4);
}

interface Item {
  readonly id: number;
  readonly type: string;
  readonly mime: string;
}

function itemsOf(view: DataView, iinf: Box | undefined): Item[] {
  if (!iinf) return [];
  const first = iinf.from + (view.getUint8(iinf.from) === 0 ? 6 : 8);
  return boxesOf(view, first, iinf.to).flatMap(({ name, from, to }): Item[] => {
    const version = view.getUint8(from);
    if (name !== 'infe' || version < 2) return [];
    const wide = version === 3 ? 2 : 0;
    const id = version === 3 ? view.getUint32(from + 4) : view.getUint16(from + 4);
    const typeAt = from + 8 + wide;
    const bytes = new Uint8Array(view.buffer, view.byteOffset + typeAt, to - typeAt);
    const [, mime = ''] = ascii(bytes, 4).split('\0');
    return [{ id, type: ascii(bytes, 0, 4), mime }];
  });
}

interface Extent {
  readonly method: number;
  readonly offset: number;
  readonly length: number;
}

function placesOf(view: DataView, iloc: Box | undefined): Map<number, Extent[]> {
  const places = new Map<number, Extent[]>();
  if (!iloc) return places;
  let at = iloc.from + 4;
  const take = (size: number): number => {
    const value =
      size === 0
        ? 0
        : size === 2
          ? view.getUint16(at)
          : size === 4
            ? view.getUint32(at)
            : Number(view.getBigUint64(at));
    at += size;
    return value;
  };
  const version = view.getUint8(iloc.from);
  const sizes = take(2);
  const [offsetSize, lengthSize, baseSize] = [(sizes >> 12) & 15, (sizes >> 8) & 15, (sizes >> 4) & 15];
  const indexSize = version > 0 ? sizes & 15 : 0;
  const count = take(version < 2 ? 2 : 4);
  for (let i = 0; i < Math.min(count, 10_000) && at < iloc.to; i++) {
    const id = take(version < 2 ? 2 : 4);
    const method = version > 0 ? take(2) & 15 : 0;
    at += 2;
    const base = take(baseSize);
    const extents: Extent[] = [];
    for (let n = take(2); n > 0 && at < iloc.to; n--) {
      take(indexSize);
      extents.push({ method, offset: base + take(offsetSize), length: take(lengthSize) });
    }
    places.set(id, extents);
  }
  return places;
}

/** Colour and depth of the main picture; of any where the file does not say which one is. */
function propertiesOf(view: DataView, bytes: Bytes, iprp: Box | undefined, primary: number | null) {
  const facts = { icc: null as Bytes | null, nclx: null as Nclx | null, bits: 8, turned: false };
  if (!iprp) return facts;
  const inside = boxesOf(view, iprp.from, iprp.to);
  const ipco = inside.find(({ name }) => name === 'ipco');
  const all = ipco ? boxesOf(view, ipco.from, ipco.to) : [];
  const ipma = inside.find(({ name }) => name === 'ipma');
  const wanted = ipma && primary !== null ? associated(view, ipma, primary) : null;
  const own = wanted && wanted.length > 0 ? all.filter((_, i) => wanted.includes(i + 1)) : all;
  for (const { name, from, to } of own) {
    if (name === 'colr') {
      const kind = ascii(bytes, from, from + 4);
      if (kind === 'prof' || kind === 'rICC') facts.icc ??= bytes.slice(from + 4, to);
      else if (kind === 'nclx')
        facts.nclx ??= { primaries: view.getUint16(from + 4), transfer: view.getUint16(from + 6) };
    } else if (name === 'irot' || name === 'imir' || name === 'clap') facts.turned = true;
    else if (name === 'pixi') facts.bits = Math.max(facts.bits, view.getUint8(from + 5));
    // AV1 codec configuration: high_bitdepth and twelve_bit.
    else if (name === 'av1C') facts.bits = Math.max(facts.bits, view.getUint8(from + 2) & 0x40 ? 10 : 8);
    // HEVC's (ISO 14496-15, 8.3.3.1): bitDepthLumaMinus8.
    else if (name === 'hvcC') facts.bits = Math.max(facts.bits, 8 + (view.getUint8(from + 17) & 7));
  }
  return facts;
}

function associated(view: DataView, ipma: Box, primary: number): number[] {
  const version = view.getUint8(ipma.from);
  const wide = view.getUint8(ipma.from + 3) & 1;
  const count = view.getUint32(ipma.from + 4);
  let at = ipma.from + 8;
  for (let i = 0; i < count && at < ipma.to; i++) {
    const id = version < 1 ? view.getUint16(at) : view.getUint32(at);
    at += version < 1 ? 2 : 4;
    const entries = view.getUint8(at);
    at += 1;
    const list = Array.from({ length: entries }, (_, n) =>
      wide ? view.getUint16(at + 2 * n) & 0x7fff : view.getUint8(at + n) & 0x7f,
    );
    at += entries * (wide ? 2 : 1);
    if (id === primary) return list;
  }
  return [];
}

/** EXIF and XMP of a JPEG XL container; a bare codestream has none. Compressed (brob) boxes are not read. */
export async function readJxl(file: Blob): Promise<Metadata> {
  const boxes = await topBoxes(file);
  const data = async (name: string) => {
    const box = boxes.find((one) => one.name === name);
    return box && box.to - box.from < META_LIMIT ? readAt(file, box.from, box.to - box.from) : null;
  };
  if (boxes[0]?.name !== 'JXL ') return NO_METADATA;
  const stored = await data('Exif');
  const xmp = await data('xml ');
  return {
    ...NO_METADATA,
    exif: stored && stored.length > 4 ? stored.slice(4 + viewOf(stored).getUint32(0)) : null,
    xmp: xmp && fromUtf8(xmp),
    lost: boxes.some(({ name }) => name === 'brob') ? ['damaged'] : [],
  };
}
