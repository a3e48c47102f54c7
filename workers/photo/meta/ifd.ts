/** TIFF 6.0 image file directories in a block of bytes, as EXIF uses them. Changes are made in place. Pure. */
import { type Bytes, startsWith, viewOf } from '../bytes.ts';

/** Bytes a value, by TIFF type. */
export const TYPE_BYTES: readonly number[] = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];
const MAX_ENTRIES = 1000;

export interface Entry {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  /** Where the 12 bytes of the entry lie. */
  readonly at: number;
  /** Where its value lies: in the entry itself up to 4 bytes. */
  readonly valueAt: number;
  readonly bytes: number;
}

export interface Ifd {
  readonly at: number;
  readonly entries: readonly Entry[];
  /** Where the offset of the next directory lies. */
  readonly linkAt: number;
  readonly next: number;
}

export interface Block {
  readonly bytes: Bytes;
  readonly view: DataView;
  readonly little: boolean;
  readonly first: number;
}

/** Null for what is no TIFF structure. */
export function openBlock(bytes: Bytes): Block | null {
  if (bytes.length < 14) return null;
  const little = startsWith(bytes, 'II');
  if (!little && !startsWith(bytes, 'MM')) return null;
  const view = viewOf(bytes);
  if (view.getUint16(2, little) !== 42) return null;
  return { bytes, view, little, first: view.getUint32(4, little) };
}

/** Entries whose value is not inside the block are left out. Null where there is no directory. */
export function ifdAt({ view, little }: Block, at: number): Ifd | null {
  if (at < 8 || at + 2 > view.byteLength) return null;
  const count = view.getUint16(at, little);
  const linkAt = at + 2 + 12 * count;
  if (count === 0 || count > MAX_ENTRIES || linkAt > view.byteLength) return null;
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    const entry = at + 2 + 12 * i;
    const type = view.getUint16(entry + 2, little);
    const values = view.getUint32(entry + 4, little);
    const bytes = (TYPE_BYTES[type] ?? 0) * values;
    const valueAt = bytes <= 4 ? entry + 8 : view.getUint32(entry + 8, little);
    if (bytes === 0 || valueAt + bytes > view.byteLength) continue;
    entries.push({ tag: view.getUint16(entry, little), type, count: values, at: entry, valueAt, bytes });
  }
  const next = linkAt + 4 <= view.byteLength ? view.getUint32(linkAt, little) : 0;
  return { at, entries, linkAt, next };
}

export const find = (ifd: Ifd | null, tag: number): Entry | undefined => ifd?.entries.find((one) => one.tag === tag);

/** The directory that a tag of `ifd` points to. */
export function subIfd(block: Block, ifd: Ifd | null, tag: number): Ifd | null {
  const entry = find(ifd, tag);
  return entry && (entry.type === 4 || entry.type === 13)
    ? ifdAt(block, block.view.getUint32(entry.valueAt, block.little))
    : null;
}

/** The first value of a BYTE, SHORT or LONG. */
export function numberOf({ view, little }: Block, entry: Entry | undefined): number | null {
  if (!entry) return null;
  if (entry.type === 1) return view.getUint8(entry.valueAt);
  if (entry.type === 3) return view.getUint16(entry.valueAt, little);
  return entry.type === 4 ? view.getUint32(entry.valueAt, little) : null;
}

export function setNumber({ view, little }: Block, entry: Entry | undefined, value: number): void {
  if (entry?.type === 3) view.setUint16(entry.valueAt, Math.min(65535, value), little);
  if (entry?.type === 4) view.setUint32(entry.valueAt, value, little);
}

export function textOf({ bytes }: Block, entry: Entry | undefined): string {
  if (entry?.type !== 2) return '';
  let text = '';
  for (const byte of bytes.subarray(entry.valueAt, entry.valueAt + entry.bytes)) {
    if (byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Overwrites what lies outside of the entries with zeros. */
export function wipeValue({ bytes }: Block, { valueAt, bytes: length, at }: Entry): void {
  if (valueAt !== at + 8) bytes.fill(0, valueAt, valueAt + length);
}

/** Takes an entry out: those behind it and the link to the next directory move up. Offsets of values stay. */
export function removeEntry(block: Block, ifd: Ifd, entry: Entry): void {
  const { bytes, view, little } = block;
  wipeValue(block, entry);
  const end = Math.min(bytes.length, ifd.linkAt + 4);
  bytes.copyWithin(entry.at, entry.at + 12, end);
  bytes.fill(0, end - 12, end);
  view.setUint16(ifd.at, view.getUint16(ifd.at, little) - 1, little);
}

/** Overwrites a directory and all its values with zeros. */
export function wipeIfd(block: Block, ifd: Ifd): void {
  for (const entry of ifd.entries) wipeValue(block, entry);
  block.bytes.fill(0, ifd.at, Math.min(block.bytes.length, ifd.linkAt + 4));
}
