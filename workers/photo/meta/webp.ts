/** Metadata chunks of a WebP (RIFF container specification). */
import { type Bytes, concat, fromUtf8, latin, readAt, startsWith, utf8, viewOf } from '../bytes.ts';
import { orientationOf } from './exif.ts';
import { type Loss, type Metadata, NO_METADATA } from './metadata.ts';

interface Chunk {
  readonly name: string;
  readonly at: number;
  readonly length: number;
}

const ICC_FLAG = 0x20;
const ALPHA_FLAG = 0x10;
const EXIF_FLAG = 0x08;
const XMP_FLAG = 0x04;
const META_LIMIT = 64 * 2 ** 20;

async function chunksOf(file: Blob): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for (let at = 12; at + 8 <= file.size && chunks.length < 1000; ) {
    const head = await readAt(file, at, 8);
    const length = viewOf(head).getUint32(4, true);
    if (at + 8 + length > file.size) break;
    chunks.push({ name: String.fromCharCode(...head.subarray(0, 4)), at, length });
    at += 8 + length + (length % 2);
  }
  return chunks;
}

export async function readWebp(file: Blob): Promise<Metadata> {
  const chunks = await chunksOf(file);
  const data = async (name: string) => {
    const chunk = chunks.find((one) => one.name === name);
    return chunk && chunk.length < META_LIMIT ? readAt(file, chunk.at + 8, chunk.length) : null;
  };
  const stored = await data('EXIF');
  // Some programs write JPEG's signature here as well.
  const exif = stored && startsWith(stored, 'Exif\0\0') ? stored.slice(6) : stored;
  const xmp = await data('XMP ');
  return {
    ...NO_METADATA,
    exif,
    xmp: xmp && fromUtf8(xmp),
    icc: await data('ICCP'),
    orientation: orientationOf(exif),
    lost: chunks.filter(({ name }) => name === 'ANMF').length > 1 ? ['more-pictures'] : [],
  };
}

/** The same picture without EXIF, so that no browser turns it: they do not agree on whether to. */
export async function webpWithoutExif(file: Blob): Promise<Blob> {
  const exif = (await chunksOf(file)).find(({ name }) => name === 'EXIF');
  if (!exif) return file;
  const end = exif.at + 8 + exif.length + (exif.length % 2);
  const head = (await readAt(file, 0, 21)) as Bytes;
  if (startsWith(head, 'VP8X', 12)) head[20] = (head[20] as number) & ~EXIF_FLAG;
  viewOf(head).setUint32(4, file.size - (end - exif.at) - 8, true);
  return new Blob([head, file.slice(21, exif.at), file.slice(end)]);
}

function chunk(name: string, data: Uint8Array): Bytes {
  const head = concat(latin(name), new Uint8Array(4));
  viewOf(head).setUint32(4, data.length, true);
  return concat(head, data, new Uint8Array(data.length % 2));
}

/** Puts metadata into a WebP that has none of its own (what it has is replaced). IPTC has no place in it. */
export async function webpWith(
  picture: Blob,
  meta: Metadata,
  width: number,
  height: number,
): Promise<{ file: Blob; lost: Loss[] }> {
  const lost: Loss[] = meta.iptc ? ['iptc'] : [];
  const parts: Bytes[] = [];
  let flags = 0;
  const chunks = await chunksOf(picture);
  const wanted = chunks.filter(({ name }) => name === 'VP8 ' || name === 'VP8L' || name === 'ALPH');
  if (wanted.some(({ name }) => name === 'ALPH')) flags |= ALPHA_FLAG;
  const lossless = wanted.find(({ name }) => name === 'VP8L');
  // VP8L, 4: the bit behind both sizes says whether alpha is used.
  if (lossless && ((await readAt(picture, lossless.at + 8, 5))[4] as number) & 0x10) flags |= ALPHA_FLAG;
  if (meta.icc) parts.push(chunk('ICCP', meta.icc));
  for (const { at, length } of wanted) parts.push(await readAt(picture, at, 8 + length + (length % 2)));
  if (meta.exif) parts.push(chunk('EXIF', meta.exif));
  if (meta.xmp) parts.push(chunk('XMP ', utf8(meta.xmp)));
  if (meta.icc) flags |= ICC_FLAG;
  if (meta.exif) flags |= EXIF_FLAG;
  if (meta.xmp) flags |= XMP_FLAG;
  if (flags === 0) return { file: picture, lost };
  const extended = new Uint8Array(10);
  extended[0] = flags;
  const view = viewOf(extended);
  view.setUint16(4, (width - 1) & 0xffff, true);
  view.setUint8(6, (width - 1) >> 16);
  view.setUint16(7, (height - 1) & 0xffff, true);
  view.setUint8(9, (height - 1) >> 16);
  const body = concat(latin('WEBP'), chunk('VP8X', extended), ...parts);
  const head = concat(latin('RIFF'), new Uint8Array(4));
  viewOf(head).setUint32(4, body.length, true);
  return { file: new Blob([head, body], { type: 'image/webp' }), lost };
}
