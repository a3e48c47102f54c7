/**
 * PNG, rows as they come out of the stream: browsers give 8 bits and no samples of the photo's own colour space (PNG
 * specification, third edition, chapters 9 and 13).
 */
import { readAt, viewOf } from '../bytes.ts';
import { type PngChunk, pngChunks } from '../meta/png.ts';
import { type Band, bandRowsOf, corrupt, type Layout, makeSamples, type Rows, type Samples } from './rows.ts';

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly type: number;
  readonly interlaced: boolean;
}

/** Samples a pixel by colour type. */
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};
/** x, y, dx, dy of Adam7's passes. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** @throws EngineError 'corrupt-image' */
export async function pngRows(file: Blob): Promise<Rows> {
  const chunks = await pngChunks(file);
  const header = await readHeader(file, chunks);
  const data = async (type: string) => {
    const chunk = chunks.find((one) => one.type === type);
    return chunk ? readAt(file, chunk.at, Math.min(chunk.length, 4096)) : null;
  };
  const palette = header.type === 3 ? await data('PLTE') : null;
  const transparent = await data('tRNS');
  if (header.type === 3 && !palette) throw corrupt('a PNG without its palette');
  const layout: Layout = {
    width: header.width,
    height: header.height,
    channels: channelsOf(header.type, transparent !== null),
    bits: header.depth === 16 ? 16 : 8,
  };
  const expand = expander(header, layout, palette, transparent);
  const idat = chunks.filter(({ type }) => type === 'IDAT');
  return {
    ...layout,
    bands: () =>
      header.interlaced ? interlaced(file, idat, header, layout, expand) : plain(file, idat, header, layout, expand),
  };
}

async function readHeader(file: Blob, chunks: readonly PngChunk[]): Promise<Header> {
  const first = chunks[0];
  if (first?.type !== 'IHDR' || first.length < 13) throw corrupt('a PNG without IHDR');
  const bytes = await readAt(file, first.at, 13);
  if (bytes.length < 13) throw corrupt('a PNG that ends in its header');
  const view = viewOf(bytes);
  const [depth, type, interlace] = [view.getUint8(8), view.getUint8(9), view.getUint8(12)];
  if (!DEPTHS[type]?.includes(depth) || interlace > 1) throw corrupt(`PNG colour type ${type} with ${depth} bits`);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  if (width === 0 || height === 0) throw corrupt(`${width} × ${height} px`);
  return { width, height, depth, type, interlaced: interlace === 1 };
}

function channelsOf(type: number, transparent: boolean): Layout['channels'] {
  if (type === 3) return transparent ? 4 : 3;
  const samples = SAMPLES[type] as 1 | 2 | 3 | 4;
  return transparent && (type === 0 || type === 2) ? ((samples + 1) as 2 | 4) : samples;
}

type Expand = (line: Uint8Array, pixels: number, to: Samples, at: number, step: number) => void;

/** From an unfiltered line to samples. */
function expander(
  header: Header,
  { channels }: Layout,
  palette: Uint8Array | null,
  transparent: Uint8Array | null,
): Expand {
  const { depth, type } = header;
  const given = SAMPLES[type] as number;
  const last = 2 ** depth - 1;
  const keys = transparent && type !== 3 ? transparent : null;
  const value = (line: Uint8Array, i: number): number => {
    if (depth === 8) return line[i] as number;
    if (depth === 16) return (line[2 * i] as number) * 256 + (line[2 * i + 1] as number);
    const bit = i * depth;
    return ((line[bit >> 3] as number) >> (8 - depth - (bit & 7))) & last;
  };
  const scale = depth < 8 ? 255 / last : 1;
  const opaque = depth === 16 ? 65535 : 255;
  const key = (c: number) => (keys ? (keys[2 * c] as number) * 256 + (keys[2 * c + 1] as number) : -1);
  return (line, pixels, to, at, step) => {
    for (let x = 0; x < pixels; x++) {
      const out = at + x * step * channels;
      if (palette) {
        const index = value(line, x);
        for (let c = 0; c < 3; c++) to[out + c] = palette[3 * index + c] ?? 0;
        if (channels === 4) to[out + 3] = transparent?.[index] ?? 255;
        continue;
      }
      let matches = keys !== null;
      for (let c = 0; c < given; c++) {
        const sample = value(line, x * given + c);
        to[out + c] = sample * scale;
        matches &&= sample === key(c);
      }
      if (keys) to[out + given] = matches ? 0 : opaque;
    }
  };
}

/** Unpacked bytes of the picture data, as many at a time as are asked for. */
class Inflated {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #held: Uint8Array = new Uint8Array();

  constructor(file: Blob, idat: readonly PngChunk[]) {
    const packed = new Blob(idat.map(({ at, length }) => file.slice(at, at + length)));
    this.#reader = packed.stream().pipeThrough(new DecompressionStream('deflate')).getReader();
  }

  /** @throws EngineError 'corrupt-image' when the data ends early or is broken */
  async take(to: Uint8Array): Promise<void> {
    let filled = 0;
    while (filled < to.length) {
      if (this.#held.length === 0) {
        const next = await this.#reader.read().catch((cause: unknown) => {
          throw corrupt(String(cause));
        });
        if (next.done) throw corrupt('the picture data ends early');
        this.#held = next.value;
      }
      const part = this.#held.subarray(0, to.length - filled);
      to.set(part, filled);
      filled += part.length;
      this.#held = this.#held.subarray(part.length);
    }
  }

  close(): void {
    void this.#reader.cancel().catch(() => undefined);
  }
}

/** Undoes the filter of a line, in place. */
function unfilter(kind: number, line: Uint8Array, before: Uint8Array, step: number): void {
  const left = (i: number) => (i >= step ? (line[i - step] as number) : 0);
  const up = (i: number) => before[i] as number;
  if (kind === 1) for (let i = step; i < line.length; i++) line[i] = (line[i] as number) + (line[i - step] as number);
  else if (kind === 2) for (let i = 0; i < line.length; i++) line[i] = (line[i] as number) + (before[i] as number);
  else if (kind === 3) for (let i = 0; i < line.length; i++) line[i] = (line[i] as number) + ((left(i) + up(i)) >> 1);
  else if (kind === 4) {
    for (let i = 0; i < line.length; i++) {
      const a = left(i);
      const b = up(i);
      const c = i >= step ? (before[i - step] as number) : 0;
      const pa = Math.abs(b - c);
      const pb = Math.abs(a - c);
      const pc = Math.abs(a + b - 2 * c);
      line[i] = (line[i] as number) + (pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
    }
  } else if (kind !== 0) throw corrupt(`filter ${kind}`);
}

/** Lines of one picture or pass, unfiltered. */
async function* lines(
  data: Inflated,
  { depth, type }: Header,
  width: number,
  height: number,
): AsyncGenerator<Uint8Array> {
  const bits = depth * (SAMPLES[type] as number);
  const bytes = Math.ceil((width * bits) / 8);
  const step = Math.max(1, bits >> 3);
  let before = new Uint8Array(bytes);
  let line = new Uint8Array(bytes);
  // Several lines at a time: a promise for each would cost more than the line.
  const block = new Uint8Array((bytes + 1) * Math.max(1, Math.min(height, Math.floor(2 ** 20 / (bytes + 1)))));
  for (let y = 0; y < height; ) {
    const count = Math.min(height - y, block.length / (bytes + 1));
    await data.take(block.subarray(0, count * (bytes + 1)));
    for (let i = 0; i < count; i++, y++) {
      const at = i * (bytes + 1);
      line.set(block.subarray(at + 1, at + 1 + bytes));
      unfilter(block[at] as number, line, before, step);
      yield line;
      [before, line] = [line, before];
    }
  }
}

async function* plain(
  file: Blob,
  idat: readonly PngChunk[],
  header: Header,
  layout: Layout,
  expand: Expand,
): AsyncGenerator<Band> {
  const { width, height, channels, bits } = layout;
  const data = new Inflated(file, idat);
  const rows = Math.min(height, bandRowsOf(layout));
  const samples = makeSamples(bits, rows * width * channels);
  let [top, filled] = [0, 0];
  try {
    for await (const line of lines(data, header, width, height)) {
      expand(line, width, samples, filled * width * channels, 1);
      filled++;
      if (filled < rows && top + filled < height) continue;
      yield { top, rows: filled, samples: samples.subarray(0, filled * width * channels) };
      top += filled;
      filled = 0;
    }
  } finally {
    data.close();
  }
}

async function* interlaced(
  file: Blob,
  idat: readonly PngChunk[],
  header: Header,
  layout: Layout,
  expand: Expand,
): AsyncGenerator<Band> {
  const { width, height, channels, bits } = layout;
  const samples = makeSamples(bits, width * height * channels);
  const data = new Inflated(file, idat);
  try {
    for (const [left, top, dx, dy] of PASSES) {
      const columns = Math.ceil((width - left) / dx);
      const count = Math.ceil((height - top) / dy);
      if (columns <= 0 || count <= 0) continue;
      let y = top;
      for await (const line of lines(data, header, columns, count)) {
        expand(line, columns, samples, (y * width + left) * channels, dx);
        y += dy;
      }
    }
  } finally {
    data.close();
  }
  yield { top: 0, rows: height, samples };
}
