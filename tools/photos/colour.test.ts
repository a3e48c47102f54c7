/** Photos saved again without a change, and with one, in their own colours and depth. Files by ImageMagick; read back by sharp. */
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { ALL, type Blend } from '../../workers/photo/blend.ts';
import { encodePhoto } from '../../workers/photo/encode.ts';
import type { ExportFormat } from '../../workers/protocol.ts';
import { bytesOf, fileOf, fixture, nodePhoto, samplesOf } from './node-photo.ts';

const options = (format: ExportFormat, blend: Blend = ALL) =>
  ({ format, quality: 1, blend, privacy: 'keep', recipes: [] }) as const;

/** Samples as sharp reads them, without any conversion. */
async function read(file: Blob) {
  const image = sharp(Buffer.from(await file.arrayBuffer()), { limitInputPixels: false, ignoreIcc: true });
  const { depth, channels } = await image.metadata();
  const is16 = depth === 'ushort';
  const { data, info } = await image
    .toColourspace(channels < 3 ? (is16 ? 'grey16' : 'b-w') : is16 ? 'rgb16' : 'srgb')
    .raw({ depth: is16 ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const samples = is16 ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : new Uint8Array(data);
  return { samples, ...info, is16 };
}

const LOSSLESS = [
  'rgb16-p3.png',
  'rgba16.png',
  'rgba8.png',
  'rgb8-adobe-interlaced.png',
  'grey16.png',
  'palette.png',
  'bits1.png',
  'rgb16-adobe.tif',
  'rgb8-lzw-tiled.tif',
  'rgb8-planar.tif',
  'grey16-big.tif',
  'rgba8.tif',
  'p3-16.jxl',
] as const;

describe('decoders', () => {
  it.each(LOSSLESS.filter((name) => !name.endsWith('jxl')))('%s has the samples that libvips reads', async (name) => {
    const photo = await nodePhoto(fileOf(fixture(name)));
    const own = await samplesOf(await photo.source.rows());
    const upright = sharp(fixture(name), { ignoreIcc: true }).rotate();
    const { depth, channels } = await sharp(fixture(name)).metadata();
    if (channels < 3) upright.toColourspace(depth === 'ushort' ? 'grey16' : 'b-w');
    const { data, info } = await upright
      .raw({ depth: depth === 'ushort' ? 'ushort' : 'uchar' })
      .toBuffer({ resolveWithObject: true });
    expect([photo.width, photo.height, photo.layout.channels]).toEqual([info.width, info.height, info.channels]);
    if (depth === 'ushort') return;
    expect(Buffer.from(own.buffer, own.byteOffset, own.byteLength).equals(data)).toBe(true);
  });
});

describe('a photo saved again as it was', () => {
  it.each(LOSSLESS.flatMap((name) => [[name, 'png'] as const, [name, 'tiff'] as const]))(
    '%s as %s',
    async (name, format) => {
      const photo = await nodePhoto(fileOf(fixture(name)));
      const own = await samplesOf(await photo.source.rows());
      const { file } = await encodePhoto(photo, photo.rgb, options(format));
      const again = await nodePhoto(file);
      const saved = await samplesOf(await again.source.rows());
      const opaque = photo.layout.channels % 2 === 0 && !photo.alpha;
      if (!opaque) expect(again.layout).toEqual(photo.layout);
      else expect(again.layout.bits).toBe(photo.layout.bits);
      if (!opaque) expect(saved).toEqual(own);
      expect(again.source.icc).toEqual(photo.source.icc);
      // An independent reader sees the same depth, size and samples.
      const other = await read(file);
      expect([other.width, other.height, other.channels]).toEqual([again.width, again.height, again.layout.channels]);
      expect(other.is16).toBe(photo.layout.bits === 16);
      expect([...other.samples]).toEqual([...saved]);
    },
  );

  it.each([
    ['rich.jpg', 2],
    ['grey.jpg', 2],
  ] as const)('%s as JPEG, within its quantisation', async (name, most) => {
    const photo = await nodePhoto(fileOf(fixture(name)));
    const own = await samplesOf(await photo.source.rows());
    const { file } = await encodePhoto(photo, photo.rgb, options('jpeg'));
    const other = await read(file);
    const channels = name === 'grey.jpg' ? 1 : 3;
    expect([other.width, other.height, other.channels]).toEqual([photo.width, photo.height, channels]);
    const errors = [...own].map((value, i) => Math.abs(value - (other.samples[i] as number)));
    expect(errors.reduce((sum, one) => sum + one, 0) / errors.length).toBeLessThan(most);
  });
});

describe('a change made in sRGB', () => {
  /** Every pixel of the model's result 10 levels brighter. */
  const brighter = (rgb: Uint8Array) => rgb.map((value) => Math.min(255, value + 10));

  it.each(['rgb16-p3.png', 'rgb16-adobe.tif', 'rgb8-adobe-interlaced.png', 'p3.webp'])(
    'is the same change to the eye in %s',
    async (name) => {
      const photo = await nodePhoto(fileOf(fixture(name)));
      const restored = brighter(photo.rgb);
      const { file } = await encodePhoto(photo, restored, options('png'));
      // lcms turns what was saved into sRGB: an implementation of profiles that is not ours.
      const srgb = await sharp(Buffer.from(await file.arrayBuffer()))
        .withIccProfile('srgb')
        .raw({ depth: 'uchar' })
        .toBuffer();
      let [sum, count, worst] = [0, 0, 0];
      for (let i = 0; i < restored.length; i += 3) {
        const pixel = [0, 1, 2].map((c) => photo.rgb[i + c] as number);
        // Outside of sRGB's gamut the change is added to a colour that sRGB can't show.
        if (pixel.some((value) => value < 16 || value > 229)) continue;
        for (let c = 0; c < 3; c++) {
          const error = Math.abs((srgb[i + c] as number) - (restored[i + c] as number));
          sum += error;
          count += 1;
          worst = Math.max(worst, error);
        }
      }
      expect(count).toBeGreaterThan(600);
      expect(sum / count).toBeLessThan(0.7);
      // Half a level of the given 8-bit sRGB, which a wide space stretches where one channel is near its end.
      expect(worst).toBeLessThanOrEqual(4);
    },
  );

  it('goes into 16 bits without rounding the photo to 8', async () => {
    const photo = await nodePhoto(fileOf(fixture('rgba16.png')));
    const own = await samplesOf(await photo.source.rows());
    const { file } = await encodePhoto(photo, brighter(photo.rgb), options('png'));
    const saved = await samplesOf(await (await nodePhoto(file)).source.rows());
    const seen = new Set<number>();
    for (let i = 0; i < own.length; i++) {
      const before = own[i] as number;
      if (i % 4 === 3) expect(saved[i]).toBe(before);
      else if (before > 2000 && before < 60000) {
        // 10 levels of 255, exactly, on top of the 16-bit value.
        expect((saved[i] as number) - before).toBe(2570);
        seen.add(before % 257);
      }
    }
    expect(seen.size).toBeGreaterThan(1);
  });

  it('leaves grey grey, and lets strength and mask limit it', async () => {
    const photo = await nodePhoto(fileOf(fixture('grey16.png')));
    const own = await samplesOf(await photo.source.rows());
    const restored = photo.rgb.map((value, i) => Math.min(255, value + (i % 3 === 0 ? 40 : 10)));
    const mask = { width: 2, height: 1, data: Uint8Array.of(0, 255) };
    const full = await nodePhoto((await encodePhoto(photo, restored, options('png'))).file);
    expect(full.layout).toMatchObject({ channels: 1, bits: 16 });
    const half = await nodePhoto((await encodePhoto(photo, restored, options('png', { strength: 0.5, mask }))).file);
    const [a, b] = [await samplesOf(await full.source.rows()), await samplesOf(await half.source.rows())];
    const { width } = photo;
    for (let i = 0; i < own.length; i++) {
      const x = i % width;
      const change = (a[i] as number) - (own[i] as number);
      if (x < width / 4 - 1) expect(b[i]).toBe(own[i]);
      if (x >= (3 * width) / 4 && (a[i] as number) < 65535)
        expect(Math.abs((b[i] as number) - (own[i] as number) - change / 2)).toBeLessThanOrEqual(1);
    }
  });
});

describe('what the model sees', () => {
  it.each(['rgb16-p3.png', 'rgb16-adobe.tif', 'rgb8-adobe-interlaced.png', 'p3.webp', 'rich.jpg', 'p3-16.jxl'])(
    '%s as lcms makes sRGB of it',
    async (name) => {
      const photo = await nodePhoto(fileOf(fixture(name)));
      const path = name.endsWith('.jxl')
        ? Buffer.from(await bytesOf((await encodePhoto(photo, photo.rgb, options('png'))).file))
        : fixture(name);
      const { data, info } = await sharp(path)
        .rotate()
        .toColourspace('srgb')
        .withIccProfile('srgb')
        .raw({ depth: 'uchar' })
        .toBuffer({ resolveWithObject: true });
      let [sum, worst] = [0, 0];
      for (let i = 0; i < photo.width * photo.height; i++) {
        for (let c = 0; c < 3; c++) {
          const value = data[i * info.channels + c] as number;
          // libvips goes through P3 with 16 bits, and cuts off there what lies outside of it.
          if (photo.rgb.subarray(3 * i, 3 * i + 3).some((level) => level < 16 || level > 239)) continue;
          const error = Math.abs((photo.rgb[3 * i + c] as number) - value);
          sum += error;
          worst = Math.max(worst, error);
        }
      }
      expect(sum / photo.rgb.length).toBeLessThan(0.6);
      expect(worst).toBeLessThanOrEqual(3);
    },
  );

  it('grey with a curve of its own', async () => {
    const photo = await nodePhoto(fileOf(fixture('grey16.png')));
    const own = await samplesOf(await photo.source.rows());
    own.forEach((value, i) => {
      const linear = (value / 65535) ** (563 / 256);
      const srgb = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
      expect(Math.abs((photo.rgb[3 * i] as number) - 255 * srgb)).toBeLessThanOrEqual(0.51);
    });
  });
});
