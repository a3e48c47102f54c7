/** Broken and hostile files: every one of them opens, or is refused with an error that a person can be told, in little time. */
import { readdirSync, readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../workers/errors.ts';
import { asEngineError } from '../../workers/outcome.ts';
import { ALL } from '../../workers/photo/blend.ts';
import { type Bytes, concat, latin, viewOf } from '../../workers/photo/bytes.ts';
import { decodePhoto } from '../../workers/photo/decode.ts';
import { encodePhoto } from '../../workers/photo/encode.ts';
import { exifWithoutPlace, orientationOf, uprightExif } from '../../workers/photo/meta/exif.ts';
import { pngChunk } from '../../workers/photo/meta/png.ts';
import { damageBytes, random } from '../../workers/testing/fuzz.ts';
import { fixture, loadCodec, nodePhoto } from './node-photo.ts';

const LONG = process.env.LONG === '1';
const REFUSALS = ['empty-file', 'not-an-image', 'corrupt-image', 'too-many-pixels', 'unsupported-image'];
/** Far more than a small file takes on a busy machine, far less than a loop that never ends. */
const SLOW_MS = 30_000;

const names = readdirSync(fixture('.')).filter((name) => !name.endsWith('.json'));
const bytesOf = (name: string): Bytes => new Uint8Array(readFileSync(fixture(name)));

/** What came of it; throws when it is neither opened nor refused in words. */
async function outcome(bytes: Uint8Array, what: string): Promise<string> {
  const start = performance.now();
  try {
    const photo = await nodePhoto(new Blob([bytes as Bytes]));
    expect(photo.rgb.length, what).toBe(3 * photo.width * photo.height);
    // What was opened can be saved, whatever its metadata are like.
    if (photo.width * photo.height <= 1e6) {
      const options = { format: 'jpeg', quality: 0.8, blend: ALL, privacy: 'no-place', recipes: [] } as const;
      await encodePhoto(photo, photo.rgb, options);
    }
    return 'opened';
  } catch (error) {
    if (!(error instanceof EngineError)) throw new Error(`${what}: ${String(error)}`, { cause: error });
    expect(REFUSALS, what).toContain(error.code);
    return error.code;
  } finally {
    expect(performance.now() - start, what).toBeLessThan(SLOW_MS);
  }
}

describe('files that end early', () => {
  it.each(names)('%s', async (name) => {
    const bytes = bytesOf(name);
    const step = LONG ? 256 : Math.max(1024, Math.ceil(bytes.length / 4));
    for (let length = 0; length < bytes.length; length += step) {
      await outcome(bytes.subarray(0, length), `${name}, ${length} bytes`);
    }
  });
});

describe('files with wrong bytes', () => {
  it.each(names)('%s', async (name) => {
    const bytes = bytesOf(name);
    for (let seed = 0; seed < (LONG ? 200 : 4); seed++) {
      await outcome(damageBytes(bytes, random(seed)), `${name}, seed ${seed}`);
    }
  });
});

describe('sizes at the edges', () => {
  const plain = (width: number, height: number) =>
    sharp({ create: { width, height, channels: 3, background: { r: 90, g: 120, b: 60 } } });
  it.each([
    ['PNG', 1, 1],
    ['PNG', 1, 20_000],
    ['PNG', 20_000, 1],
    ['TIFF', 1, 1],
    ['TIFF', 1, 20_000],
    ['JPEG', 20_000, 1],
  ] as const)('%s of %s × %s', async (format, width, height) => {
    const image = plain(width, height);
    const file = await (format === 'PNG' ? image.png() : format === 'TIFF' ? image.tiff() : image.jpeg()).toBuffer();
    const photo = await nodePhoto(new Blob([new Uint8Array(file)]));
    expect([photo.width, photo.height]).toEqual([width, height]);
    for (const out of ['png', 'jpeg', 'tiff'] as const) {
      const options = { format: out, quality: 0.9, blend: ALL, privacy: 'keep', recipes: [] } as const;
      const saved = await encodePhoto(photo, photo.rgb, options);
      const seen = await sharp(Buffer.from(await saved.file.arrayBuffer())).metadata();
      expect([seen.width, seen.height], out).toEqual([width, height]);
    }
  });

  it.each([
    ['jpeg', 65_501, 1, 'JPEG', 65_500],
    ['jpeg', 1, 70_000, 'JPEG', 65_500],
    ['webp', 16_384, 1, 'WebP', 16_383],
    ['webp', 1, 16_384, 'WebP', 16_383],
  ] as const)('are refused where %s can not hold %s × %s', async (format, width, height, name, limit) => {
    const photo = await nodePhoto(new Blob([new Uint8Array(await plain(width, height).png().toBuffer())]));
    const options = { quality: 0.9, blend: ALL, privacy: 'keep', recipes: [] } as const;
    await expect(encodePhoto(photo, photo.rgb, { ...options, format })).rejects.toMatchObject({
      code: 'save-unsupported',
      values: { format: name, limit, width, height },
    });
    for (const other of ['png', 'tiff'] as const) {
      const { file } = await encodePhoto(photo, photo.rgb, { ...options, format: other });
      const again = await nodePhoto(file);
      expect([again.width, again.height], other).toEqual([width, height]);
    }
  });

  it('fill a JPEG up to what others read', async () => {
    const photo = await nodePhoto(new Blob([new Uint8Array(await plain(1, 65_500).png().toBuffer())]));
    const options = { format: 'jpeg', quality: 0.9, blend: ALL, privacy: 'keep', recipes: [] } as const;
    const { file } = await encodePhoto(photo, photo.rgb, options);
    const { data, info } = await sharp(Buffer.from(await file.arrayBuffer()))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([1, 65_500]);
    expect(Math.abs((data[data.length - 1] as number) - 60)).toBeLessThan(4);
  });

  it('refuses a PNG and a TIFF of 0 × 0', async () => {
    expect(await outcome(png(0, 0), 'PNG 0 × 0')).toBe('corrupt-image');
    expect(
      await outcome(
        tiff([
          [256, 3, 0],
          [257, 3, 0],
        ]),
        'TIFF 0 × 0',
      ),
    ).toBe('corrupt-image');
  });
});

function png(width: number, height: number, chunks: readonly Bytes[] = [], data: Bytes = new Uint8Array()): Bytes {
  const head = new Uint8Array(13);
  viewOf(head).setUint32(0, width);
  viewOf(head).setUint32(4, height);
  head.set([8, 2, 0, 0, 0], 8);
  const end = pngChunk('IEND', new Uint8Array());
  return concat(latin('\x89PNG\r\n\x1a\n'), pngChunk('IHDR', head), ...chunks, pngChunk('IDAT', data), end);
}

/** A little-endian TIFF of one directory: tag, type, value. */
function tiff(entries: readonly (readonly [number, number, number])[], next = 0): Bytes {
  const out = new Uint8Array(8 + 2 + 12 * entries.length + 4);
  const view = viewOf(out);
  out.set(latin('II*\0'));
  view.setUint32(4, 8, true);
  view.setUint16(8, entries.length, true);
  entries.forEach(([tag, type, value], i) => {
    view.setUint16(10 + 12 * i, tag, true);
    view.setUint16(12 + 12 * i, type, true);
    view.setUint32(14 + 12 * i, 1, true);
    view.setUint32(18 + 12 * i, value, true);
  });
  view.setUint32(10 + 12 * entries.length, next, true);
  return out;
}

const zlib = (bytes: Uint8Array): Bytes => new Uint8Array(deflateSync(bytes));
const row = (width: number) => new Uint8Array(1 + 3 * width);

describe('bombs', () => {
  it('metadata that unpack to gigabytes are left out, the picture opens', async () => {
    // 80 MB of zeros in 80 KB; the limit is 64 MB.
    const packed = zlib(new Uint8Array(80 * 2 ** 20));
    const chunks = [
      pngChunk('iCCP', concat(latin('x\0\0'), packed)),
      pngChunk('zTXt', concat(latin('Raw profile type exif\0\0'), packed)),
    ];
    const bytes = png(1, 1, chunks, zlib(row(1)));
    const photo = await nodePhoto(new Blob([bytes]));
    expect(photo.source.meta.icc).toBeNull();
    expect(photo.source.lost).toContain('damaged');
  });

  it('picture data beyond the picture are not unpacked', async () => {
    const start = performance.now();
    const bytes = png(1, 1, [], zlib(new Uint8Array(200 * 2 ** 20)));
    expect(await outcome(bytes, 'PNG bomb')).toBe('opened');
    expect(performance.now() - start).toBeLessThan(SLOW_MS);
  });

  it('a size that nobody has memory for is refused by the header', async () => {
    expect(await outcome(png(60_000, 60_000), 'PNG')).toBe('too-many-pixels');
    expect(
      await outcome(
        tiff([
          [256, 4, 60_000],
          [257, 4, 60_000],
        ]),
        'TIFF',
      ),
    ).toBe('too-many-pixels');
  });

  it('a photo that there is no memory for is not called damaged', async () => {
    const rows = {
      width: 8,
      height: 8,
      channels: 3,
      bits: 8,
      // What the engine itself throws.
      async *bands() {
        yield { top: 0, rows: 8, samples: new Uint8Array(new ArrayBuffer(2 ** 52)) };
      },
    } as const;
    const decoding = decodePhoto(new Blob([bytesOf('grey.jpg')]), { load: loadCodec, browser: async () => rows });
    expect(asEngineError(await decoding.catch((cause: unknown) => cause)).code).toBe('out-of-memory');
  });

  it('a TIFF whose tile is larger than the picture by far is refused', async () => {
    const big: (readonly [number, number, number])[] = [
      [256, 4, 8],
      [257, 4, 8],
      [258, 3, 8],
      [262, 3, 1],
      [322, 4, 1_000_000],
      [323, 4, 1_000_000],
      [324, 4, 8],
      [325, 4, 8],
    ];
    expect(await outcome(tiff(big), 'TIFF')).toBe('corrupt-image');
  });
});

describe('EXIF that goes round in circles', () => {
  // The directory behind the first, EXIF, GPS and interoperability all are the first one itself.
  const loop = tiff(
    [
      [274, 3, 6],
      [0x8769, 4, 8],
      [0x8825, 4, 8],
      [0xa005, 4, 8],
    ],
    8,
  );

  it('is read and edited', () => {
    expect(orientationOf(loop)).toBe(6);
    const upright = uprightExif(loop, 10, 20);
    expect(upright).not.toBeNull();
    expect(orientationOf(upright)).toBe(1);
    expect(exifWithoutPlace(loop).length).toBe(loop.length);
  });

  it('does not keep a photo from opening', async () => {
    const bytes = png(2, 1, [pngChunk('eXIf', loop)], zlib(row(2)));
    const photo = await nodePhoto(new Blob([bytes]));
    expect([photo.width, photo.height]).toEqual([1, 2]);
    expect(
      await outcome(
        tiff(
          [
            [256, 4, 8],
            [257, 4, 8],
            [330, 4, 8],
            [0x8769, 4, 8],
          ],
          8,
        ),
        'TIFF',
      ),
    ).toBe('unsupported-image');
  });
});
