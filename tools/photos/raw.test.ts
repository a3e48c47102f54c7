/** Raw files as cameras build them: a small preview, raw data that look like a JPEG, and the large preview that is wanted. */
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { nodePhoto } from './node-photo.ts';

const [WIDTH, HEIGHT] = [96, 64];
const LEVEL = { r: 40, g: 90, b: 160 };
let preview: Buffer;
let thumbnail: Buffer;
let rawData: Buffer;

const jpeg = (width: number, height: number, background: typeof LEVEL) =>
  sharp({ create: { width, height, channels: 3, background } })
    .jpeg({ quality: 95 })
    .toBuffer();

beforeAll(async () => {
  preview = await jpeg(WIDTH, HEIGHT, LEVEL);
  thumbnail = await jpeg(24, 16, { r: 250, g: 0, b: 0 });
  // Lossless JPEG (SOF3), larger than the preview: what Canon, Nikon and Adobe keep raw data as.
  rawData = Buffer.from(await jpeg(400, 300, { r: 0, g: 250, b: 0 }));
  rawData[rawData.indexOf(Buffer.from([0xff, 0xc0])) + 1] = 0xc3;
});

type Entry = [tag: number, type: 3 | 4, value: number];

/** One directory, little endian. */
function directory(entries: readonly Entry[]): Buffer {
  const out = Buffer.alloc(2 + 12 * entries.length + 4);
  out.writeUInt16LE(entries.length);
  entries.forEach(([tag, type, value], i) => {
    const at = 2 + 12 * i;
    out.writeUInt16LE(tag, at);
    out.writeUInt16LE(type, at + 2);
    out.writeUInt32LE(1, at + 4);
    if (type === 3) out.writeUInt16LE(value, at + 8);
    else out.writeUInt32LE(value, at + 8);
  });
  return out;
}

/** A TIFF with orientation, a directory of raw data below the first one, and pictures behind. */
function tiffRaw(magic: number, signature = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(8);
  head.write('II', 0, 'latin1');
  head.writeUInt16LE(magic, 2);
  const firstAt = 8 + signature.length;
  head.writeUInt32LE(firstAt, 4);
  const first = (subAt: number) =>
    directory([
      [256, 4, 24],
      [257, 4, 16],
      [274, 3, 6],
      [330, 4, subAt],
    ]);
  const subAt = firstAt + first(0).length;
  const sub = directory([
    [256, 4, 400],
    [257, 4, 300],
    [259, 3, 7],
    // A colour filter array.
    [262, 3, 32803],
  ]);
  return Buffer.concat([head, signature, first(subAt), sub, thumbnail, rawData, preview]);
}

/** ISO base media: a brand, then boxes with what they hold. */
function box(name: string, data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(data.length + 8);
  head.write(name, 4, 'latin1');
  return Buffer.concat([head, data]);
}

const BUILDERS: [string, () => Buffer, boolean][] = [
  ['NEF, ARW, PEF: a TIFF whose raw data lie below', () => tiffRaw(42), true],
  ['CR2: a TIFF with a sign of its own', () => tiffRaw(42, Buffer.from('CR\x02\0\0\0\0\0', 'latin1')), true],
  ['ORF: another magic number', () => tiffRaw(0x4f52), true],
  ['RW2: another magic number', () => tiffRaw(0x55), true],
  [
    'RAF: a header, then pictures',
    () => Buffer.concat([Buffer.from('FUJIFILMCCD-RAW 0201'.padEnd(148, '\0')), thumbnail, preview, rawData]),
    false,
  ],
  [
    'CR3: boxes',
    () =>
      Buffer.concat([
        box('ftyp', Buffer.from('crx \0\0\0\x01crx isom', 'latin1')),
        box('moov', thumbnail),
        box('uuid', preview),
        box('mdat', rawData),
      ]),
    false,
  ],
];

describe('raw files', () => {
  it.each(BUILDERS)('%s', async (_name, build, turned) => {
    const photo = await nodePhoto(new Blob([new Uint8Array(build())]));
    expect(photo.type).toBe('raw');
    expect([...photo.source.lost]).toEqual(['raw']);
    // The camera's orientation holds where the preview has none of its own.
    expect([photo.width, photo.height]).toEqual(turned ? [HEIGHT, WIDTH] : [WIDTH, HEIGHT]);
    const middle = 3 * (Math.floor(photo.height / 2) * photo.width + Math.floor(photo.width / 2));
    const seen = [...photo.rgb.subarray(middle, middle + 3)];
    Object.values(LEVEL).forEach((level, c) => {
      expect(Math.abs((seen[c] as number) - level)).toBeLessThanOrEqual(3);
    });
  });

  it('without a picture of their own are not opened', async () => {
    const only = Buffer.concat([tiffRaw(42).subarray(0, 8), tiffRaw(42).subarray(8, 8 + 54 + 54), rawData]);
    await expect(nodePhoto(new Blob([new Uint8Array(only)]))).rejects.toMatchObject({ code: 'unsupported-image' });
  });
});
