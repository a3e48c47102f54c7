/**
 * MakerNotes that move. Some makers count offsets from the start of the EXIF block, others from their own note; what a
 * note does can be seen: when all its values would lie inside it counted from the block's start, they do. Pure.
 */
import { type Bytes, viewOf } from '../bytes.ts';
import { TYPE_BYTES } from './ifd.ts';

/** Where a directory may begin behind a maker's signature. */
const STARTS = [0, 6, 8, 10, 12, 14, 16, 18, 20, 26];

/**
 * @param from where the note lay, counted as its offsets are (from the start of its file or block)
 * @param to where it will lie
 * @returns a changed copy, or the note itself where its offsets do not depend on where it lies
 */
export function shiftMakerNote(note: Bytes, from: number, to: number): Bytes {
  if (from === to) return note;
  for (const start of STARTS) {
    for (const little of [true, false]) {
      const places = absolutePlaces(note, start, little, from);
      if (!places) continue;
      const moved = note.slice();
      const view = viewOf(moved);
      for (const at of places) view.setUint32(at, view.getUint32(at, little) - from + to, little);
      moveFooter(view, from, to);
      return moved;
    }
  }
  return note;
}

/** Where the offsets stand in the note; null where there is no such directory or not all of them are absolute. */
function absolutePlaces(note: Bytes, start: number, little: boolean, from: number): number[] | null {
  const view = viewOf(note);
  if (start + 2 > note.length) return null;
  const count = view.getUint16(start, little);
  if (count === 0 || count > 500 || start + 2 + 12 * count > note.length) return null;
  const places: number[] = [];
  for (let i = 0; i < count; i++) {
    const at = start + 2 + 12 * i;
    const type = view.getUint16(at + 2, little);
    const size = TYPE_BYTES[type];
    if (type === 0 || size === undefined) return null;
    const length = size * view.getUint32(at + 4, little);
    if (length <= 4) continue;
    const place = view.getUint32(at + 8, little) - from;
    if (place < 0 || place + length > note.length) return null;
    places.push(at + 8);
  }
  return places.length > 0 ? places : null;
}

/** Canon's notes may end with a TIFF header that says where they lay. */
function moveFooter(view: DataView, from: number, to: number): void {
  const at = view.byteLength - 8;
  if (at < 0) return;
  for (const [magic, little] of [
    [0x49492a00, true],
    [0x4d4d002a, false],
  ] as const) {
    if (view.getUint32(at) === magic && view.getUint32(at + 4, little) === from) view.setUint32(at + 4, to, little);
  }
}
