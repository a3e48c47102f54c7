/** Files that the tests drop into the app. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';

export interface DroppedFile {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

const root = new URL('../../', import.meta.url);
export const pathOf = (path: string): string => fileURLToPath(new URL(path, root));

const TYPES: Record<string, string> = { png: 'image/png', jpg: 'image/jpeg', webp: 'image/webp', gif: 'image/gif' };

/** A file of the repository, e.g. `public/demo/noise.jpg`. */
export function fromRepo(path: string): DroppedFile {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const mimeType = TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
  return { name, mimeType, buffer: readFileSync(pathOf(path)) };
}

/** The upper left square of a photo of the repository, as PNG: software GPUs pay by the pixel. */
export async function cornerOf(path: string, side: number): Promise<DroppedFile> {
  const buffer = await sharp(pathOf(path)).extract({ left: 0, top: 0, width: side, height: side }).png().toBuffer();
  return { name: `corner-${side}.png`, mimeType: 'image/png', buffer };
}

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}

/** A PNG whose header promises `width × height` px of RGB; the picture data holds one row only. */
export function pngHeader(width: number, height: number): DroppedFile {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const buffer = Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(Buffer.alloc(1 + width * 3))),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
  return { name: `${width}x${height}.png`, mimeType: 'image/png', buffer };
}

/** A right JPEG up to the middle of its picture data, then nothing but 0xFF00. */
export function corruptJpeg(): DroppedFile {
  const { buffer } = fromRepo('public/demo/noise.jpg');
  const bad = Buffer.from(buffer.subarray(0, 4000));
  bad.fill(0x17, 24);
  return { name: 'corrupt.jpg', mimeType: 'image/jpeg', buffer: bad };
}

const plain = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: { r: 90, g: 120, b: 60 } } });

/** A whole, valid PNG of one colour. */
export async function plainPng(width: number, height: number): Promise<DroppedFile> {
  return { name: 'plain.png', mimeType: 'image/png', buffer: await plain(width, height).png().toBuffer() };
}

export async function cmykJpeg(): Promise<DroppedFile> {
  const buffer = await sharp(pathOf('e2e/fixtures/noise-96-clean.png')).toColourspace('cmyk').jpeg().toBuffer();
  return { name: 'cmyk.jpg', mimeType: 'image/jpeg', buffer };
}

export async function animatedGif(): Promise<DroppedFile> {
  const frames = [30, 120, 220].map((level) => ({
    input: { create: { width: 64, height: 64, channels: 3 as const, background: { r: level, g: 60, b: 90 } } },
  }));
  const raw = await Promise.all(frames.map(({ input }) => sharp(input).raw().toBuffer()));
  const buffer = await sharp(Buffer.concat(raw), { raw: { width: 64, height: 192, channels: 3, pageHeight: 64 } })
    .gif({ delay: [100, 100, 100] })
    .toBuffer();
  return { name: 'animated.gif', mimeType: 'image/gif', buffer };
}

/** A photo whose pixels lie on their side, with EXIF orientation 6. Shown upright it is `height × width`. */
export async function rotatedJpeg(path: string): Promise<DroppedFile> {
  const buffer = await sharp(pathOf(path))
    .rotate(270)
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 95 })
    .toBuffer();
  return { name: 'rotated.jpg', mimeType: 'image/jpeg', buffer };
}
