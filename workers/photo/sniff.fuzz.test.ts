/** Damaged headers: `sniff` answers within its promises or refuses with an EngineError, and it always comes back. */
import sharp, { type Sharp } from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { EngineError } from '../errors.ts';
import { damageBytes, random } from '../testing/fuzz.ts';
import { MAX_PIXELS } from './limits.ts';
import { type ImageType, SNIFF_BYTES, sniff } from './sniff.ts';

const CASES = process.env.LONG ? 10_000 : 300;
const REFUSALS = ['empty-file', 'not-an-image', 'corrupt-image', 'too-many-pixels'];
/** Types whose header may keep its size for later. */
const LATE: readonly ImageType[] = ['avif', 'heic', 'tiff', 'jxl', 'raw'];
/** Far more than a header takes even on a busy machine, far less than a loop that never ends. */
const SLOW_MS = 20_000;

const files = new Map<string, Uint8Array>();

beforeAll(async () => {
  const picture = sharp({ create: { width: 40, height: 30, channels: 3, background: { r: 90, g: 120, b: 30 } } });
  const make: Record<string, Sharp> = {
    png: picture.clone().png(),
    jpeg: picture.clone().jpeg(),
    'jpeg with EXIF': picture.clone().withMetadata({ orientation: 6 }).jpeg({ progressive: true }),
    'webp VP8': picture.clone().webp(),
    'webp VP8L': picture.clone().webp({ lossless: true }),
    'webp VP8X': picture.clone().ensureAlpha(0.5).webp(),
    gif: picture.clone().gif(),
    avif: picture.clone().avif({ effort: 0 }),
    tiff: picture.clone().tiff(),
  };
  for (const [name, image] of Object.entries(make)) files.set(name, new Uint8Array(await image.toBuffer()));
  const bmp = new Uint8Array(54);
  bmp.set([0x42, 0x4d]);
  new DataView(bmp.buffer).setInt32(18, 40, true);
  new DataView(bmp.buffer).setInt32(22, 30, true);
  files.set('bmp', bmp);
});

/** What came of it; throws when a promise is broken. */
function outcomeOf(bytes: Uint8Array, what: string): string {
  const start = performance.now();
  try {
    const { type, width, height, components } = sniff(bytes);
    if (width === null || height === null) {
      expect([width, height], what).toEqual([null, null]);
      expect(LATE, what).toContain(type);
    } else {
      expect(Number.isInteger(width) && Number.isInteger(height), what).toBe(true);
      expect(Math.min(width, height), what).toBeGreaterThan(0);
      expect(width * height, what).toBeLessThanOrEqual(MAX_PIXELS);
    }
    if (components !== null) expect(components, what).toBeLessThanOrEqual(255);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    expect(REFUSALS, what).toContain(error.code);
    return error.code;
  } finally {
    expect(performance.now() - start, what).toBeLessThan(SLOW_MS);
  }
}

describe('sniff on damaged headers', () => {
  it(`keeps its promises on ${CASES} seeded cases`, () => {
    const names = [...files.keys()];
    const outcomes = new Set<string>();
    for (let seed = 0; seed < CASES; seed++) {
      const name = names[seed % names.length] ?? '';
      const file = files.get(name) ?? new Uint8Array();
      outcomes.add(outcomeOf(damageBytes(file, random(seed)), `${name}, seed ${seed}`));
    }
    // The damage is neither so small nor so great that one answer fits all.
    expect([...outcomes].sort()).toEqual(['accepted', ...REFUSALS].sort());
  });

  it('takes every file cut off after any of its first bytes', () => {
    for (const [name, file] of files) {
      for (let length = 0; length < Math.min(file.length, 400); length++) {
        outcomeOf(file.subarray(0, length), `${name}, ${length} bytes`);
      }
    }
  });

  const box = (name: string, length: number) => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setUint32(0, length);
    bytes.set(new TextEncoder().encode(name), 4);
    return [...bytes];
  };
  const avif = [...box('ftyp', 16), ...new TextEncoder().encode('avif\0\0\0\0')];
  it.each([
    ['JPEG segments of length 0', [0xff, 0xd8], [0xff, 0xe1, 0, 0]],
    ['JPEG fill bytes without end', [0xff, 0xd8], [0xff]],
    ['JPEG restart markers without end', [0xff, 0xd8], [0xff, 0xd0]],
    ['boxes of length 2', avif, box('meta', 2)],
    ['empty boxes', avif, box('meta', 8)],
    ['boxes that go to the end', avif, box('meta', 0)],
    ['meta boxes inside one another', [...avif, ...box('meta', 0), 0, 0, 0, 0], box('iprp', 0)],
    ['boxes with a 64-bit length of 0', avif, [...box('mdat', 1), 0, 0, 0, 0, 0, 0, 0, 0]],
  ])('comes to an end: %s', (what, head, repeated) => {
    const bytes = new Uint8Array(SNIFF_BYTES);
    for (let at = 0; at < bytes.length; at++) {
      bytes[at] = (at < head.length ? head[at] : repeated[(at - head.length) % repeated.length]) ?? 0;
    }
    outcomeOf(bytes, what);
  });
});
