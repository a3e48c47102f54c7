/** Metadata chunks of a PNG (PNG specification, third edition). */
import { ascii, type Bytes, concat, deflate, fromUtf8, inflate, latin, readAt, utf8, viewOf } from '../bytes.ts';
import { orientationOf } from './exif.ts';
import { fromRawProfile, isResources, joinResources, rawProfile, splitResources } from './iptc.ts';
import { type Metadata, NO_METADATA } from './metadata.ts';

const XMP_KEY = 'XML:com.adobe.xmp';
const META_LIMIT = 64 * 2 ** 20;

export interface PngChunk {
  readonly type: string;
  /** Where its data begins. */
  readonly at: number;
  readonly length: number;
}

/** Chunks in their order, without reading what they hold; stops at damage. */
export async function pngChunks(file: Blob): Promise<PngChunk[]> {
  const found: PngChunk[] = [];
  let window: Bytes = new Uint8Array();
  let start = 0;
  for (let at = 8; at + 8 <= file.size; ) {
    if (at < start || at + 8 > start + window.length) {
      window = await readAt(file, at, 1 << 16);
      start = at;
    }
    const view = viewOf(window.subarray(at - start));
    const length = view.getUint32(0);
    const type = ascii(window, at - start + 4, at - start + 8);
    if (!/^[A-Za-z]{4}$/.test(type) || length > 0x7fffffff) break;
    found.push({ type, at: at + 8, length: Math.min(length, file.size - at - 8) });
    if (type === 'IEND') break;
    at += 12 + length;
  }
  return found;
}

interface Text {
  readonly key: string;
  readonly text: string;
}

export async function readPng(file: Blob): Promise<Metadata> {
  let [exif, xmp, icc]: [Bytes | null, string | null, Bytes | null] = [null, null, null];
  let photoshop: ReturnType<typeof splitResources> = { iptc: null, resources: null };
  let damaged = false;
  const texts: { type: string; data: Bytes }[] = [];
  for (const { type, at, length } of await pngChunks(file)) {
    if (!/^(eXIf|iCCP|iTXt|tEXt|zTXt|tIME|pHYs)$/.test(type) || length > META_LIMIT) continue;
    const data = await readAt(file, at, length);
    try {
      if (type === 'eXIf') exif = data;
      else if (type === 'iCCP') icc = await inflate(data.subarray(data.indexOf(0) + 2), META_LIMIT);
      else if (type === 'tIME' || type === 'pHYs') texts.push({ type, data });
      else {
        const { key, text } = await readText(type, data);
        const profile = /^Raw profile type (\w+)/.exec(key)?.[1];
        const raw = profile ? fromRawProfile(text) : null;
        if (key === XMP_KEY) xmp = text;
        else if (!raw) texts.push({ type, data });
        else if (profile === 'exif' || profile === 'APP1') {
          const head = ascii(raw, 0, 6) === 'Exif\0\0';
          if (head) exif ??= raw.slice(6);
          else if (profile === 'exif') exif ??= raw;
        } else if (profile === 'xmp') xmp ??= fromUtf8(raw);
        else if (profile === 'iptc' || profile === '8bim') {
          photoshop = isResources(raw) ? splitResources(raw) : { ...photoshop, iptc: raw };
        }
      }
    } catch {
      // One broken chunk of metadata: the picture and the other chunks are still good.
      damaged = true;
    }
  }
  return {
    ...NO_METADATA,
    exif,
    xmp,
    icc,
    ...photoshop,
    texts,
    orientation: orientationOf(exif),
    lost: damaged ? ['damaged'] : [],
  };
}

async function readText(type: string, data: Bytes): Promise<Text> {
  const end = data.indexOf(0);
  const key = ascii(data, 0, end);
  if (type === 'tEXt') return { key, text: ascii(data, end + 1) };
  if (type === 'zTXt') return { key, text: ascii(await inflate(data.subarray(end + 2), META_LIMIT)) };
  const packed = data[end + 1] === 1;
  const language = data.indexOf(0, end + 3);
  const from = data.indexOf(0, language + 1) + 1;
  const body = data.subarray(from);
  return { key, text: fromUtf8(packed ? await inflate(body, META_LIMIT) : body) };
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

/** PNG specification, annex D. */
export function crc32(...parts: readonly Uint8Array[]): number {
  let crc = 0xffffffff;
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) crc = (TABLE[(crc ^ (part[i] as number)) & 255] as number) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

export function pngChunk(type: string, data: Uint8Array): Bytes {
  const out = concat(new Uint8Array(4), latin(type), data, new Uint8Array(4));
  const view = viewOf(out);
  view.setUint32(0, data.length);
  view.setUint32(out.length - 4, crc32(out.subarray(4, out.length - 4)));
  return out;
}

/** Chunks to stand between IHDR and the picture data. */
export async function pngHead(meta: Metadata): Promise<Bytes> {
  const out: Bytes[] = [];
  if (meta.icc) out.push(pngChunk('iCCP', concat(latin('ICC profile\0\0'), await deflate(meta.icc))));
  const density = densityChunk(meta);
  if (density) out.push(density);
  if (meta.exif) out.push(pngChunk('eXIf', meta.exif));
  if (meta.xmp) out.push(pngChunk('iTXt', concat(latin(`${XMP_KEY}\0\0\0\0\0`), utf8(meta.xmp))));
  const resources = joinResources(meta.iptc, meta.resources);
  if (resources) {
    const text = latin(rawProfile('iptc', resources));
    out.push(pngChunk('zTXt', concat(latin('Raw profile type iptc\0\0'), await deflate(text))));
  }
  for (const { type, data } of meta.texts) if (type !== 'pHYs') out.push(pngChunk(type, data));
  for (const comment of meta.comments) out.push(pngChunk('iTXt', concat(latin('Comment\0\0\0\0\0'), utf8(comment))));
  return concat(...out);
}

function densityChunk({ texts, density }: Metadata): Bytes | null {
  const own = texts.find(({ type }) => type === 'pHYs');
  if (own) return pngChunk('pHYs', own.data);
  if (!density || density.unit === 0) return null;
  const perMetre = (value: number) => Math.round(density.unit === 1 ? value / 0.0254 : value * 100);
  const data = new Uint8Array(9);
  viewOf(data).setUint32(0, perMetre(density.x));
  viewOf(data).setUint32(4, perMetre(density.y));
  data[8] = 1;
  return pngChunk('pHYs', data);
}
