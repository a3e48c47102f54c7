/** TIFFs with alpha: whose colours are stored multiplied by it ("associated", ExtraSamples 1), and others. */
import { describe, expect, it } from 'vitest';
import { type Bytes, latin, viewOf } from '../../workers/photo/bytes.ts';
import { nodePhoto, samplesOf } from './node-photo.ts';

interface Form {
  readonly depth: 8 | 16;
  /** TIFF's ExtraSamples: 1 associated alpha, 2 unassociated. */
  readonly extra: 0 | 1 | 2;
  readonly photometric?: 0 | 1 | 2;
  readonly planar?: boolean;
}

/** One line of pixels, plain, little-endian; each plane of a planar one is a strip. */
function tiff({ depth, extra, photometric = 2, planar = false }: Form, pixels: readonly (readonly number[])[]): Blob {
  const channels = pixels[0]?.length ?? 0;
  const width = pixels.length;
  const planes = Array.from({ length: channels }, (_, c) => pixels.map((pixel) => pixel[c] as number));
  const samples = (planar ? planes : pixels).flat();
  const perStrip = (depth / 8) * width * (planar ? 1 : channels);
  const strips = planar ? channels : 1;
  // Tag, type (3 SHORT, 4 LONG), values.
  const entries: [number, 3 | 4, number[]][] = [
    [256, 4, [width]],
    [257, 4, [1]],
    [258, 3, planes.map(() => depth)],
    [259, 3, [1]],
    [262, 3, [photometric]],
    [273, 4, Array.from({ length: strips }, (_, i) => 8 + i * perStrip)],
    [277, 3, [channels]],
    [278, 4, [1]],
    [279, 4, Array.from({ length: strips }, () => perStrip)],
    [284, 3, [planar ? 2 : 1]],
    [338, 3, [extra]],
  ];
  const directory = 8 + strips * perStrip;
  let outside = directory + 2 + 12 * entries.length + 4;
  const out: Bytes = new Uint8Array(outside + 16 * entries.length);
  const view = viewOf(out);
  out.set(latin('II*\0'));
  view.setUint32(4, directory, true);
  const put = (at: number, size: number, value: number) =>
    size === 1
      ? view.setUint8(at, value)
      : size === 2
        ? view.setUint16(at, value, true)
        : view.setUint32(at, value, true);
  samples.forEach((value, i) => {
    put(8 + (i * depth) / 8, depth / 8, value);
  });
  view.setUint16(directory, entries.length, true);
  entries.forEach(([tag, type, values], i) => {
    const at = directory + 2 + 12 * i;
    const size = type === 3 ? 2 : 4;
    put(at, 2, tag);
    put(at + 2, 2, type);
    put(at + 4, 4, values.length);
    const inside = size * values.length <= 4;
    if (!inside) put(at + 8, 4, outside);
    const to = inside ? at + 8 : outside;
    values.forEach((value, k) => {
      put(to + size * k, size, value);
    });
    if (!inside) outside += size * values.length;
  });
  return new Blob([out]);
}

async function read(form: Form, pixels: readonly (readonly number[])[]) {
  const photo = await nodePhoto(tiff(form, pixels));
  const channels = pixels[0]?.length ?? 0;
  expect(photo.layout).toMatchObject({ width: pixels.length, height: 1, channels, bits: form.depth });
  const samples = await samplesOf(await photo.source.rows());
  return { photo, pixels: pixels.map((_, i) => [...samples.subarray(i * channels, (i + 1) * channels)]) };
}

describe('colours stored multiplied by alpha', () => {
  const stored = [
    [128, 0, 0, 128],
    [10, 20, 30, 255],
    [50, 25, 1, 100],
    // Nothing is known of a colour that is not seen.
    [9, 9, 9, 0],
    // More than alpha allows.
    [200, 0, 0, 100],
  ];
  const straight = [
    [255, 0, 0, 128],
    [10, 20, 30, 255],
    [128, 64, 3, 100],
    [0, 0, 0, 0],
    [255, 0, 0, 100],
  ];

  it.each([false, true])('are divided by it, planar: %s', async (planar) => {
    const { photo, pixels } = await read({ depth: 8, extra: 1, planar }, stored);
    expect(pixels).toEqual(straight);
    expect([...photo.rgb]).toEqual(straight.flatMap((pixel) => pixel.slice(0, 3)));
    expect([...(photo.alpha ?? [])]).toEqual(straight.map((pixel) => pixel[3]));
  });

  it('are divided by it with 16 bits', async () => {
    const { pixels } = await read({ depth: 16, extra: 1 }, [
      [32768, 0, 1000, 32768],
      [1, 2, 3, 65535],
      [65535, 0, 0, 2],
      [7, 7, 7, 0],
    ]);
    expect(pixels).toEqual([
      [65535, 0, 2000, 32768],
      [1, 2, 3, 65535],
      [65535, 0, 0, 2],
      [0, 0, 0, 0],
    ]);
  });

  it.each([false, true])('are divided by it in grey, planar: %s', async (planar) => {
    const grey = [
      [40, 80],
      [255, 255],
    ];
    expect((await read({ depth: 8, extra: 1, photometric: 1, planar }, grey)).pixels).toEqual([
      [128, 80],
      [255, 255],
    ]);
    // Where 0 is white, that is so of what was multiplied.
    expect((await read({ depth: 8, extra: 1, photometric: 0, planar }, grey)).pixels).toEqual([
      [127, 80],
      [0, 255],
    ]);
  });
});

describe('colours stored as they are', () => {
  it('stay so beside alpha', async () => {
    const pixels = [
      [128, 0, 0, 128],
      [9, 9, 9, 0],
    ];
    expect((await read({ depth: 8, extra: 2 }, pixels)).pixels).toEqual(pixels);
  });

  it.each([false, true])('are turned round where 0 is white, alpha is not, planar: %s', async (planar) => {
    const { pixels } = await read({ depth: 8, extra: 2, photometric: 0, planar }, [
      [0, 80],
      [255, 0],
    ]);
    expect(pixels).toEqual([
      [255, 80],
      [0, 0],
    ]);
  });
});
