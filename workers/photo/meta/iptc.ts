/** Photoshop's image resources (Adobe Photoshop file formats specification) and the IPTC-IIM 4.2 datasets in them. Pure. */
import { ascii, type Bytes, concat, latin, startsWith, viewOf } from '../bytes.ts';

export const IPTC = 0x0404;
const IPTC_DIGEST = 0x0425;
/** Thumbnails; EXIF, XMP and ICC, which have places of their own. */
const LEFT_OUT = [0x0409, 0x040c, 0x0422, 0x0423, 0x0424, 0x040f];

interface Resource {
  readonly id: number;
  /** The resource with its head and padding. */
  readonly whole: Bytes;
  readonly data: Bytes;
}

/** What comes before a broken resource is kept. */
export function parseResources(bytes: Bytes): Resource[] {
  const view = viewOf(bytes);
  const found: Resource[] = [];
  let at = 0;
  while (at + 12 <= bytes.length && startsWith(bytes, '8BIM', at)) {
    const name = 1 + view.getUint8(at + 6);
    const lengthAt = at + 6 + name + (name % 2);
    if (lengthAt + 4 > bytes.length) break;
    const from = lengthAt + 4;
    const length = view.getUint32(lengthAt);
    const end = from + length + (length % 2);
    if (from + length > bytes.length) break;
    found.push({ id: view.getUint16(at + 4), whole: bytes.slice(at, end), data: bytes.slice(from, from + length) });
    at = end;
  }
  return found;
}

export function resource(id: number, data: Uint8Array): Bytes {
  const head = new Uint8Array(12);
  head.set(latin('8BIM'));
  const view = viewOf(head);
  view.setUint16(4, id);
  view.setUint32(8, data.length);
  return concat(head, data, new Uint8Array(data.length % 2));
}

/** IPTC and everything else that is worth keeping. */
export function splitResources(bytes: Bytes): { iptc: Bytes | null; resources: Bytes | null } {
  const all = parseResources(bytes);
  const others = all.filter(({ id }) => id !== IPTC && !LEFT_OUT.includes(id)).map(({ whole }) => whole);
  return {
    iptc: all.find(({ id }) => id === IPTC)?.data ?? null,
    resources: others.length > 0 ? concat(...others) : null,
  };
}

/** One block of resources again; null for nothing. */
export function joinResources(iptc: Bytes | null, resources: Bytes | null): Bytes | null {
  if (!iptc && !resources) return null;
  return concat(...(iptc ? [resource(IPTC, iptc)] : []), resources ?? new Uint8Array());
}

/** Record 2: content location code and name, city, sub-location, province, country code and name. */
const PLACES = [26, 27, 90, 92, 95, 100, 101];

export function iptcWithoutPlace(iptc: Bytes): Bytes {
  const view = viewOf(iptc);
  const kept: Uint8Array[] = [];
  let at = 0;
  while (at + 5 <= iptc.length && view.getUint8(at) === 0x1c) {
    let length = view.getUint16(at + 3);
    let from = at + 5;
    if (length & 0x8000) {
      const size = length & 0x7fff;
      if (size > 4 || from + size > iptc.length) break;
      length = 0;
      for (let i = 0; i < size; i++) length = length * 256 + view.getUint8(from + i);
      from += size;
    }
    const end = from + length;
    if (end > iptc.length) break;
    const isPlace = view.getUint8(at + 1) === 2 && PLACES.includes(view.getUint8(at + 2));
    if (!isPlace) kept.push(iptc.subarray(at, end));
    at = end;
  }
  return concat(...kept);
}

/** The digest belongs to IPTC as it was. */
export function resourcesWithoutDigest(resources: Bytes): Bytes | null {
  const kept = parseResources(resources).filter(({ id }) => id !== IPTC_DIGEST);
  return kept.length > 0 ? concat(...kept.map(({ whole }) => whole)) : null;
}

/** The form in which ImageMagick and exiftool put bytes into a PNG's text: name, length, hex in lines of 36 bytes. */
export function rawProfile(name: string, bytes: Uint8Array): string {
  let hex = '';
  for (let i = 0; i < bytes.length; i++) {
    hex += (bytes[i] as number).toString(16).padStart(2, '0') + (i % 36 === 35 ? '\n' : '');
  }
  return `\n${name}\n${String(bytes.length).padStart(8)}\n${hex}\n`;
}

/** Null for what is no raw profile. */
export function fromRawProfile(text: string): Bytes | null {
  const [, length = '', hex = ''] = /^\s*[\w ]+\n\s*(\d+)\n([0-9a-fA-F\s]*)$/.exec(text) ?? [];
  const digits = hex.replace(/\s+/g, '');
  const count = Number(length);
  if (count === 0 || digits.length < 2 * count) return null;
  return Uint8Array.from({ length: count }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

export const isResources = (bytes: Uint8Array): boolean => ascii(bytes, 0, 4) === '8BIM';
