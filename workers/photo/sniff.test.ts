import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { imageType, sniff } from './sniff.ts';

const picture = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: { r: 90, g: 120, b: 30 } } });

/** A PNG header that claims a size, and nothing behind it. */
function pngHeader(width: number, height: number): Uint8Array {
  const bytes = new Uint8Array(33);
  bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]);
  new DataView(bytes.buffer).setUint32(16, width);
  new DataView(bytes.buffer).setUint32(20, height);
  return bytes;
}

describe('sniff', () => {
  it.each([
    ['png', () => picture(301, 17).png()],
    ['jpeg', () => picture(301, 17).jpeg()],
    ['jpeg', () => picture(301, 17).jpeg({ progressive: true }).withMetadata({ orientation: 6 })],
    ['webp', () => picture(301, 17).webp()],
    ['webp', () => picture(301, 17).webp({ lossless: true })],
    ['webp', () => picture(301, 17).ensureAlpha(0.5).webp()],
    ['gif', () => picture(301, 17).gif()],
    ['avif', () => picture(301, 17).avif({ effort: 0 })],
  ] as const)('reads type and size of a real %s', async (type, make) => {
    const bytes = await make().toBuffer();
    expect(sniff(new Uint8Array(bytes))).toMatchObject({ type, width: 301, height: 17 });
  });

  it('reads a BMP whose rows go from the top', () => {
    const bytes = new Uint8Array(54);
    bytes.set([0x42, 0x4d]);
    new DataView(bytes.buffer).setInt32(18, 640, true);
    new DataView(bytes.buffer).setInt32(22, -480, true);
    expect(sniff(bytes)).toMatchObject({ type: 'bmp', width: 640, height: 480 });
    new DataView(bytes.buffer).setInt32(18, -100_000, true);
    expect(() => sniff(bytes)).toThrow(expect.objectContaining({ code: 'corrupt-image' }));
  });

  it('finds the size of an AVIF behind a box with a 64-bit length', async () => {
    const avif = new Uint8Array(await picture(301, 17).avif({ effort: 0 }).toBuffer());
    const meta = new DataView(avif.buffer, avif.byteOffset).getUint32(0);
    const box = new Uint8Array(20);
    box.set([0, 0, 0, 1, 0x6d, 0x64, 0x61, 0x74, 0, 0, 0, 0, 0, 0, 0, 20]);
    const bytes = new Uint8Array([...avif.subarray(0, meta), ...box, ...avif.subarray(meta)]);
    expect(sniff(bytes)).toMatchObject({ type: 'avif', width: 301, height: 17 });
  });

  it('counts the components of a JPEG', async () => {
    const cmyk = await picture(8, 8).toColourspace('cmyk').jpeg().toBuffer();
    expect(sniff(new Uint8Array(cmyk)).components).toBe(4);
    const colour = await picture(8, 8).jpeg().toBuffer();
    expect(sniff(new Uint8Array(colour)).components).toBe(3);
  });

  it('refuses 30000 × 30000 px by the header alone', () => {
    expect(() => sniff(pngHeader(30000, 30000))).toThrow(
      expect.objectContaining({
        code: 'too-many-pixels',
        values: { pixels: 9e8, limit: 1.2e8, width: 30000, height: 30000 },
      }),
    );
    expect(sniff(pngHeader(12000, 10000))).toMatchObject({ width: 12000, height: 10000 });
  });

  it('says what is wrong with other files', async () => {
    const code = (bytes: Uint8Array) => {
      try {
        return sniff(bytes).type;
      } catch (error) {
        return (error as { code?: string }).code;
      }
    };
    const jpeg = new Uint8Array(await picture(64, 64).jpeg().toBuffer());
    expect(code(new Uint8Array())).toBe('empty-file');
    expect(code(new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg"/>'))).toBe('not-an-image');
    expect(code(new TextEncoder().encode('%PDF-1.7 and so on'))).toBe('not-an-image');
    expect(code(jpeg.subarray(0, 40))).toBe('corrupt-image');
    expect(code(pngHeader(0, 10))).toBe('corrupt-image');
    expect(code(pngHeader(5, 5).subarray(0, 18))).toBe('corrupt-image');
  });

  it('never throws anything but an EngineError, whatever the bytes (seeded)', async () => {
    const seeds = await Promise.all([
      picture(40, 30).png().toBuffer(),
      picture(40, 30).jpeg().toBuffer(),
      picture(40, 30).webp().toBuffer(),
      picture(40, 30).avif({ effort: 0 }).toBuffer(),
    ]);
    let state = 1;
    const next = (limit: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * limit);
    };
    for (let round = 0; round < 4000; round++) {
      const bytes = new Uint8Array(seeds[round % seeds.length] as Buffer).slice();
      for (let i = 0; i < 4; i++) bytes[next(Math.min(400, bytes.length))] = next(256);
      try {
        sniff(bytes.subarray(0, 1 + next(bytes.length)));
      } catch (error) {
        expect((error as Error).name).toBe('EngineError');
      }
    }
  });
});

describe('imageType', () => {
  it('tells HEIC from AVIF', () => {
    const ftyp = (brand: string) => new TextEncoder().encode(`\0\0\0\x18ftyp${brand}\0\0\0\0mif1miaf`);
    expect(imageType(ftyp('heic'))).toBe('heic');
    expect(imageType(ftyp('avif'))).toBe('avif');
    expect(imageType(new TextEncoder().encode('\0\0\0\x14ftypisom\0\0\0\0mp41'))).toBeNull();
  });
});
