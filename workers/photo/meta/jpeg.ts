/** Metadata segments of a JPEG (ITU T.81 B.2, JFIF 1.02, Exif 2.3, XMP part 3, ICC.1 B.4). Pure but for reading. */
import { ascii, type Bytes, concat, fromUtf8, latin, readAt, startsWith, utf8, viewOf } from '../bytes.ts';
import { exifWithoutNote, orientationOf } from './exif.ts';
import { joinResources, splitResources } from './iptc.ts';
import { type Loss, type Metadata, NO_METADATA } from './metadata.ts';
import { announces } from './xmp.ts';

const EXIF = 'Exif\0\0';
const XMP = 'http://ns.adobe.com/xap/1.0/\0';
const EXTENDED = 'http://ns.adobe.com/xmp/extension/\0';
const ICC = 'ICC_PROFILE\0';
/** ISO 21496-1: the file has a gain map. */
const GAIN_MAP = 'urn:iso:std:iso:ts:21496:-1\0';
const PHOTOSHOP = 'Photoshop 3.0\0';
/** Most bytes of a segment behind its marker, without the length itself. */
const ROOM = 65533;

interface Segment {
  readonly marker: number;
  readonly data: Bytes;
}

/** Segments up to the picture data, and where that begins. A broken file gives what comes before the damage. */
export async function jpegSegments(file: Blob): Promise<{ segments: Segment[]; dataAt: number | null }> {
  const segments: Segment[] = [];
  let at = 2;
  let window = await readAt(file, 0, 1 << 17);
  let start = 0;
  const need = async (length: number) => {
    if (at + length > start + window.length) {
      window = await readAt(file, at, Math.max(length, 1 << 17));
      start = at;
    }
    return window.subarray(at - start, at - start + length);
  };
  while (at + 4 <= file.size) {
    const head = await need(4);
    if (head[0] !== 0xff) break;
    const marker = head[1] as number;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === 0xda) return { segments, dataAt: at };
    if ((marker >= 0xd0 && marker <= 0xd9) || marker === 0x01) {
      at += 2;
      continue;
    }
    const length = viewOf(head).getUint16(2);
    if (length < 2 || at + 2 + length > file.size) break;
    const isMeta = (marker >= 0xe0 && marker <= 0xef) || marker === 0xfe;
    if (isMeta) segments.push({ marker, data: (await need(2 + length)).slice(4) });
    at += 2 + length;
  }
  return { segments, dataAt: null };
}

/** @throws nothing but what reading the file throws */
export async function readJpeg(file: Blob): Promise<Metadata> {
  const { segments } = await jpegSegments(file);
  const lost = new Set<Loss>();
  const comments: string[] = [];
  const rest: Segment[] = [];
  const extended: Bytes[] = [];
  const profile = new Map<number, Bytes>();
  const photoshop: Bytes[] = [];
  let exif: Bytes | null = null;
  let xmp: string | null = null;
  let density: Metadata['density'] = null;
  for (const { marker, data } of segments) {
    if (marker === 0xe0 && startsWith(data, 'JFIF\0') && data.length >= 12) {
      const view = viewOf(data);
      density = { unit: view.getUint8(7), x: view.getUint16(8), y: view.getUint16(10) };
    } else if (marker === 0xe1 && startsWith(data, EXIF)) exif ??= data.slice(EXIF.length);
    else if (marker === 0xe1 && startsWith(data, XMP)) xmp ??= fromUtf8(data.subarray(XMP.length));
    else if (marker === 0xe1 && startsWith(data, EXTENDED)) extended.push(data);
    else if (marker === 0xe2 && startsWith(data, ICC) && data.length > 14)
      profile.set(data[12] as number, data.slice(14));
    else if (marker === 0xe2 && startsWith(data, 'MPF\0')) lost.add('more-pictures');
    else if (marker === 0xe2 && startsWith(data, GAIN_MAP)) lost.add('gain-map');
    else if (marker === 0xed && startsWith(data, PHOTOSHOP)) photoshop.push(data.slice(PHOTOSHOP.length));
    else if (marker === 0xfe) comments.push(fromUtf8(data));
    else if (marker === 0xeb && /^JP/.test(ascii(data, 0, 2))) lost.add('credentials');
    // Adobe's says how the old file's colours were stored, Ducky's how well: neither is true of the new one.
    else if (marker !== 0xee && !startsWith(data, 'Ducky') && !startsWith(data, 'JFXX') && marker !== 0xe0) {
      rest.push({ marker, data });
    }
  }
  if (xmp) {
    const { gainMap, video } = announces(xmp);
    if (gainMap) lost.add('gain-map');
    if (video) lost.add('video');
  }
  // The further picture is the map.
  if (lost.has('gain-map')) lost.delete('more-pictures');
  const parts = [...profile].sort(([a], [b]) => a - b).map(([, part]) => part);
  return {
    ...NO_METADATA,
    exif,
    xmp,
    xmpExtended: extended,
    ...splitResources(concat(...photoshop)),
    icc: parts.length > 0 ? concat(...parts) : null,
    comments,
    density,
    segments: rest,
    orientation: orientationOf(exif),
    lost: [...lost],
  };
}

function segment(marker: number, ...parts: readonly Uint8Array[]): Bytes {
  const data = concat(...parts);
  if (data.length > ROOM) throw new RangeError(`a segment of ${data.length} bytes`);
  const head = Uint8Array.of(0xff, marker, 0, 0);
  viewOf(head).setUint16(2, data.length + 2);
  return concat(head, data);
}

/** Segments to stand behind SOI. What is too large for a segment is left out and named. */
export function jpegHead(meta: Metadata): { head: Bytes; lost: Loss[] } {
  const out: Bytes[] = [];
  const lost: Loss[] = [];
  if (meta.density) {
    const { unit, x, y } = meta.density;
    out.push(segment(0xe0, latin('JFIF\0\x01\x02'), Uint8Array.of(unit, x >> 8, x & 255, y >> 8, y & 255, 0, 0)));
  }
  if (meta.exif) {
    const fits = EXIF.length + meta.exif.length <= ROOM;
    const exif = fits ? meta.exif : exifWithoutNote(meta.exif);
    if (!fits) lost.push('maker-note');
    if (EXIF.length + exif.length <= ROOM) out.push(segment(0xe1, latin(EXIF), exif));
  }
  if (meta.xmp) {
    // Programs leave room to write in; where it does not fit, it is not needed.
    const packet = [meta.xmp, meta.xmp.replace(/\s{100,}/g, '\n')]
      .map(utf8)
      .find((one) => XMP.length + one.length <= ROOM);
    if (packet) out.push(segment(0xe1, latin(XMP), packet));
    else lost.push('xmp');
    if (packet) for (const data of meta.xmpExtended) out.push(segment(0xe1, data));
  }
  const resources = joinResources(meta.iptc, meta.resources);
  for (const part of pieces(resources, ROOM - PHOTOSHOP.length)) out.push(segment(0xed, latin(PHOTOSHOP), part));
  const profile = pieces(meta.icc, ROOM - 14);
  profile.forEach((part, i) => {
    out.push(segment(0xe2, latin(ICC), Uint8Array.of(i + 1, profile.length), part));
  });
  for (const { marker, data } of meta.segments) out.push(segment(marker, data));
  for (const comment of meta.comments) {
    const bytes = utf8(comment);
    if (bytes.length <= ROOM) out.push(segment(0xfe, bytes));
  }
  return { head: concat(...out), lost };
}

function pieces(bytes: Uint8Array | null, size: number): Uint8Array[] {
  const count = bytes ? Math.ceil(bytes.length / size) : 0;
  return Array.from({ length: count }, (_, i) => (bytes as Uint8Array).subarray(i * size, (i + 1) * size));
}
