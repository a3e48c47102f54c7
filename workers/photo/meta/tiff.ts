/**
 * Directories of a TIFF or raw file on disk, and EXIF made of them: a block of its own, with everything that describes
 * the photo and nothing that describes how the file stored it.
 */
import { type Bytes, concat, fromUtf8, readAt, startsWith, viewOf } from '../bytes.ts';
import { TYPE_BYTES } from './ifd.ts';
import { splitResources } from './iptc.ts';
import { shiftMakerNote } from './maker-note.ts';
import { type Metadata, NO_METADATA } from './metadata.ts';

export interface FileEntry {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  /** Where the value lies in the file. */
  readonly at: number;
  /** Its bytes; null where they are too many to be metadata. */
  readonly data: Bytes | null;
}

export interface FileIfd {
  readonly entries: ReadonlyMap<number, FileEntry>;
  readonly next: number;
}

const MAX_ENTRIES = 1000;
/** A larger value is no metadata, and of no use to `strip offsets` below 120 MP either. */
const VALUE_LIMIT = 32 * 2 ** 20;

/** Magic numbers: TIFF, and raw formats that differ in nothing but this (Olympus, Panasonic). */
const MAGICS = [42, 0x4f52, 0x5352, 0x55];

export class TiffFile {
  readonly file: Blob;
  readonly little: boolean;
  readonly first: number;

  private constructor(file: Blob, little: boolean, first: number) {
    this.file = file;
    this.little = little;
    this.first = first;
  }

  /** Null for what is no TIFF. */
  static async open(file: Blob): Promise<TiffFile | null> {
    const head = await readAt(file, 0, 8);
    const little = startsWith(head, 'II');
    if (head.length < 8 || (!little && !startsWith(head, 'MM'))) return null;
    const view = viewOf(head);
    return MAGICS.includes(view.getUint16(2, little)) ? new TiffFile(file, little, view.getUint32(4, little)) : null;
  }

  /** Values that lie outside of the file are left out. Null where there is no directory. */
  async ifd(at: number): Promise<FileIfd | null> {
    const { file, little } = this;
    if (at < 8 || at + 2 > file.size) return null;
    const count = viewOf(await readAt(file, at, 2)).getUint16(0, little);
    if (count === 0 || count > MAX_ENTRIES) return null;
    const bytes = await readAt(file, at + 2, 12 * count + 4);
    if (bytes.length < 12 * count) return null;
    const view = viewOf(bytes);
    const entries = new Map<number, FileEntry>();
    for (let i = 0; i < count; i++) {
      const [tag, type] = [view.getUint16(12 * i, little), view.getUint16(12 * i + 2, little)];
      const values = view.getUint32(12 * i + 4, little);
      const length = (TYPE_BYTES[type] ?? 0) * values;
      const inside = length <= 4;
      const place = inside ? at + 2 + 12 * i + 8 : view.getUint32(12 * i + 8, little);
      if (length === 0 || place + length > file.size) continue;
      const data = length <= VALUE_LIMIT ? await readAt(file, place, length) : null;
      entries.set(tag, { tag, type, count: values, at: place, data });
    }
    const next = bytes.length >= 12 * count + 4 ? view.getUint32(12 * count, little) : 0;
    return { entries, next };
  }

  /** All values of a BYTE, SHORT or LONG entry; empty where there is none. */
  numbers(ifd: FileIfd, tag: number): number[] {
    const entry = ifd.entries.get(tag);
    if (!entry?.data) return [];
    const view = viewOf(entry.data);
    const { type, count } = entry;
    if (type === 1) return [...entry.data];
    if (type === 3) return Array.from({ length: count }, (_, i) => view.getUint16(2 * i, this.little));
    if (type === 4 || type === 13) return Array.from({ length: count }, (_, i) => view.getUint32(4 * i, this.little));
    return [];
  }

  number(ifd: FileIfd, tag: number, other: number): number {
    return this.numbers(ifd, tag)[0] ?? other;
  }

  async sub(ifd: FileIfd, tag: number): Promise<FileIfd | null> {
    const at = this.numbers(ifd, tag)[0];
    return at === undefined ? null : this.ifd(at);
  }
}

const XMP = 700;
const IPTC = 33723;
const PHOTOSHOP = 34377;
const ICC = 34675;
const EXIF = 34665;
const GPS = 34853;
const INTEROP = 40965;
const MAKER_NOTE = 37500;

/** Tags of the first directory that say how the file stores its picture, or belong to raw data. */
const STRUCTURE = new Set([
  254,
  255,
  256,
  257,
  258,
  259,
  262,
  263,
  264,
  265,
  266,
  273,
  277,
  278,
  279,
  280,
  281,
  284,
  288,
  289,
  290,
  291,
  292,
  293,
  301,
  317,
  320,
  321,
  322,
  323,
  324,
  325,
  330,
  332,
  333,
  334,
  336,
  337,
  338,
  339,
  340,
  341,
  342,
  347,
  512,
  513,
  514,
  515,
  517,
  518,
  519,
  520,
  521,
  529,
  530,
  532,
  XMP,
  IPTC,
  PHOTOSHOP,
  ICC,
  EXIF,
  GPS,
  33421,
  33422,
  37393,
  37398,
  37399,
  37724,
  50784,
  50838,
  50839,
]);
/** From here on: DNG's description of raw data. */
const DNG = 50706;

export async function readTiff(file: Blob): Promise<Metadata> {
  const tiff = await TiffFile.open(file);
  const first = tiff && (await tiff.ifd(tiff.first));
  if (!tiff || !first) return { ...NO_METADATA, lost: ['damaged'] };
  const data = (tag: number) => first.entries.get(tag)?.data ?? null;
  const xmp = data(XMP);
  const photoshop = data(PHOTOSHOP);
  const parts = photoshop ? splitResources(photoshop) : { iptc: null, resources: null };
  const orientation = tiff.number(first, 274, 1);
  return {
    ...NO_METADATA,
    exif: await exifOf(tiff, first),
    xmp: xmp && fromUtf8(xmp),
    iptc: data(IPTC) ?? parts.iptc,
    resources: parts.resources,
    icc: data(ICC),
    orientation: orientation >= 1 && orientation <= 8 ? orientation : 1,
    lost: first.next !== 0 && (await tiff.ifd(first.next)) ? ['more-pictures'] : [],
  };
}

/** A value that goes into the new block; `sub` instead of data for a directory. */
interface Item {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  readonly data: Bytes;
  readonly at: number;
  readonly sub?: readonly Item[];
}

/** @returns a block in the file's byte order; null where there is nothing to tell */
export async function exifOf(tiff: TiffFile, first: FileIfd): Promise<Bytes | null> {
  const items = itemsOf(first).filter(({ tag }) => !STRUCTURE.has(tag) && (tag < DNG || tag > 60000));
  for (const tag of [EXIF, GPS]) {
    const sub = await tiff.sub(first, tag);
    if (!sub) continue;
    const own = itemsOf(sub).filter((item) => item.tag !== INTEROP);
    const interop = await tiff.sub(sub, INTEROP);
    if (interop) own.push(directory(INTEROP, itemsOf(interop)));
    if (own.length > 0) items.push(directory(tag, own));
  }
  return items.length > 0 ? writeBlock(items, tiff.little) : null;
}

function itemsOf({ entries }: FileIfd): Item[] {
  return [...entries.values()].flatMap(({ tag, type, count, data, at }) =>
    data ? [{ tag, type, count, data, at }] : [],
  );
}

const directory = (tag: number, sub: readonly Item[]): Item => ({
  tag,
  type: 4,
  count: 1,
  data: new Uint8Array(4),
  at: 0,
  sub,
});

function writeBlock(items: readonly Item[], little: boolean): Bytes {
  const parts: Bytes[] = [];
  let end = 8;
  const put = (bytes: Bytes): number => {
    const at = end;
    parts.push(bytes, new Uint8Array(bytes.length % 2));
    end += bytes.length + (bytes.length % 2);
    return at;
  };
  const head = new Uint8Array(8);
  head.set(little ? [0x49, 0x49, 42, 0] : [0x4d, 0x4d, 0, 42]);
  viewOf(head).setUint32(4, 8, little);
  const write = (list: readonly Item[]): void => {
    const sorted = [...list].sort((a, b) => a.tag - b.tag);
    const table = new Uint8Array(2 + 12 * sorted.length + 4);
    const view = viewOf(table);
    put(table);
    view.setUint16(0, sorted.length, little);
    sorted.forEach(({ tag, type, count, data, at, sub }, i) => {
      const entry = 2 + 12 * i;
      view.setUint16(entry, tag, little);
      view.setUint16(entry + 2, type, little);
      view.setUint32(entry + 4, count, little);
      if (sub) {
        view.setUint32(entry + 8, end, little);
        write(sub);
      } else if (data.length <= 4) table.set(data, entry + 8);
      else {
        view.setUint32(entry + 8, end, little);
        put(tag === MAKER_NOTE ? shiftMakerNote(data, at, end) : data);
      }
    });
  };
  write(items);
  return concat(head, ...parts);
}
