/**
 * EXIF of a photo whose pixels were turned upright and changed. All edits are made in place: no value moves, so that
 * MakerNotes, whose offsets only their makers know, stay whole. Pure.
 */
import type { Bytes } from '../bytes.ts';
import {
  type Block,
  find,
  type Ifd,
  ifdAt,
  numberOf,
  openBlock,
  removeEntry,
  setNumber,
  subIfd,
  textOf,
  wipeIfd,
} from './ifd.ts';

const TAG = {
  width: 0x0100,
  height: 0x0101,
  make: 0x010f,
  orientation: 0x0112,
  jpegAt: 0x0201,
  jpegLength: 0x0202,
  stripAt: 0x0111,
  stripLengths: 0x0117,
  exif: 0x8769,
  gps: 0x8825,
  makerNote: 0x927c,
  pixelWidth: 0xa002,
  pixelHeight: 0xa003,
  interop: 0xa005,
  relatedWidth: 0x1001,
  relatedHeight: 0x1002,
} as const;

/** Makers whose notes hold the names of places. */
const TELLS_PLACE = /panasonic/i;

/** 1 to 8; 1 where there is none or it makes no sense. */
export function orientationOf(exif: Bytes | null): number {
  const block = exif && openBlock(exif);
  const value = block ? numberOf(block, find(ifdAt(block, block.first), TAG.orientation)) : null;
  return value !== null && value >= 1 && value <= 8 ? value : 1;
}

/**
 * Orientation 1, sizes of the upright photo, no thumbnail (it would show the photo as it was).
 *
 * @returns a changed copy; null for what is no EXIF
 */
export function uprightExif(exif: Bytes, width: number, height: number): Bytes | null {
  const block = openBlock(exif.slice());
  const first = block && ifdAt(block, block.first);
  if (!block || !first) return null;
  setNumber(block, find(first, TAG.orientation), 1);
  setNumber(block, find(first, TAG.width), width);
  setNumber(block, find(first, TAG.height), height);
  const own = subIfd(block, first, TAG.exif);
  setNumber(block, find(own, TAG.pixelWidth), width);
  setNumber(block, find(own, TAG.pixelHeight), height);
  const interop = subIfd(block, own, TAG.interop);
  setNumber(block, find(interop, TAG.relatedWidth), width);
  setNumber(block, find(interop, TAG.relatedHeight), height);
  return dropThumbnail(block, first);
}

function dropThumbnail(block: Block, first: Ifd): Bytes {
  const { bytes, view, little } = block;
  const thumb = first.next === first.at ? null : ifdAt(block, first.next);
  if (first.linkAt + 4 <= bytes.length) view.setUint32(first.linkAt, 0, little);
  if (!thumb) return bytes;
  let end = bytes.length;
  for (const [at, length] of [
    [TAG.jpegAt, TAG.jpegLength],
    [TAG.stripAt, TAG.stripLengths],
  ] as const) {
    const from = numberOf(block, find(thumb, at));
    const size = numberOf(block, find(thumb, length));
    if (from === null || size === null || from < 8 || size === 0) continue;
    bytes.fill(0, from, Math.min(bytes.length, from + size));
    // Most cameras put it last: then it needs no room either.
    if (from + size >= bytes.length) end = from;
  }
  wipeIfd(block, thumb);
  return bytes.slice(0, end);
}

/** Without the GPS directory, and without MakerNotes of makers that write the names of places into them. */
export function exifWithoutPlace(exif: Bytes): Bytes {
  const block = openBlock(exif.slice());
  const first = block && ifdAt(block, block.first);
  if (!block || !first) return exif;
  const own = subIfd(block, first, TAG.exif);
  const note = find(own, TAG.makerNote);
  if (own && note && TELLS_PLACE.test(textOf(block, find(first, TAG.make)))) removeEntry(block, own, note);
  const gps = subIfd(block, first, TAG.gps);
  if (gps) wipeIfd(block, gps);
  const pointer = find(first, TAG.gps);
  if (pointer) removeEntry(block, first, pointer);
  return block.bytes;
}

/** Without MakerNotes, for formats with too little room. */
export function exifWithoutNote(exif: Bytes): Bytes {
  const block = openBlock(exif.slice());
  const first = block && ifdAt(block, block.first);
  const own = block && subIfd(block, first, TAG.exif);
  const note = find(own ?? null, TAG.makerNote);
  if (!block || !own || !note) return exif;
  const end = note.valueAt + note.bytes >= block.bytes.length ? note.valueAt : block.bytes.length;
  removeEntry(block, own, note);
  return block.bytes.slice(0, end);
}
