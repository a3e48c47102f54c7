/** PNG of any size, 8 or 16 bits, row by row. */
import { type Bytes, concat, viewOf } from '../bytes.ts';
import type { Metadata } from '../meta/metadata.ts';
import { crc32, pngChunk, pngHead } from '../meta/png.ts';
import type { Band, Rows } from './rows.ts';

const MAGIC = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const COLOUR_TYPE = { 1: 0, 2: 4, 3: 2, 4: 6 } as const;
/** IDAT chunks of about this size: what the stream gives is smaller. */
const CHUNK = 1 << 20;

/** @throws EngineError of the rows */
export async function writePng(rows: Rows, meta: Metadata): Promise<Blob> {
  const header = new Uint8Array(13);
  viewOf(header).setUint32(0, rows.width);
  viewOf(header).setUint32(4, rows.height);
  header.set([rows.bits, COLOUR_TYPE[rows.channels], 0, 0, 0], 8);
  const parts: BlobPart[] = [MAGIC, pngChunk('IHDR', header), await pngHead(meta)];
  const lines = filtered(rows);
  const source = new ReadableStream<Bytes>({
    pull: async (out) => {
      const { done, value } = await lines.next();
      if (done) out.close();
      else out.enqueue(value);
    },
  });
  let held: Uint8Array[] = [];
  let length = 0;
  const flush = () => {
    // A blob's bytes lie outside of this thread's heap.
    if (length > 0) parts.push(new Blob([idat(held, length)]));
    held = [];
    length = 0;
  };
  const reader = source.pipeThrough(new CompressionStream('deflate')).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    held.push(value);
    length += value.length;
    if (length >= CHUNK) flush();
  }
  flush();
  return new Blob([...parts, pngChunk('IEND', new Uint8Array())], { type: 'image/png' });
}

function idat(held: readonly Uint8Array[], length: number): Bytes {
  const out = concat(new Uint8Array(8), ...held, new Uint8Array(4));
  const view = viewOf(out);
  view.setUint32(0, length);
  out.set([0x49, 0x44, 0x41, 0x54], 4);
  view.setUint32(out.length - 4, crc32(out.subarray(4, out.length - 4)));
  return out;
}

/**
 * Filtered lines. Of the filters, Paeth is best on nearly every line of a photo (libpng tries them all and takes it for
 * most); trying them all would cost five times as much.
 */
async function* filtered(rows: Rows): AsyncGenerator<Bytes, undefined> {
  const { width, channels, bits } = rows;
  const step = (channels * bits) / 8;
  const bytes = width * step;
  let before: Uint8Array = new Uint8Array(bytes);
  for await (const band of rows.bands()) {
    const raw = bigEndian(band);
    const out = new Uint8Array(band.rows * (bytes + 1));
    for (let y = 0; y < band.rows; y++) {
      const line = raw.subarray(y * bytes, (y + 1) * bytes);
      const to = y * (bytes + 1);
      out[to] = 4;
      paeth(line, before, out, to + 1, step);
      before = line;
    }
    // The band's memory may be that of the next one.
    before = before.slice();
    yield out;
  }
  return undefined;
}

function paeth(line: Uint8Array, before: Uint8Array, out: Uint8Array, to: number, step: number): void {
  for (let i = 0; i < line.length; i++) {
    const a = i >= step ? (line[i - step] as number) : 0;
    const b = before[i] as number;
    const c = i >= step ? (before[i - step] as number) : 0;
    const pa = Math.abs(b - c);
    const pb = Math.abs(a - c);
    const pc = Math.abs(a + b - 2 * c);
    out[to + i] = (line[i] as number) - (pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
  }
}

export function bigEndian({ samples }: Pick<Band, 'samples'>): Uint8Array {
  if (samples instanceof Uint8Array) return samples;
  const out = new Uint8Array(2 * samples.length);
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i] as number;
    out[2 * i] = value >> 8;
    out[2 * i + 1] = value;
  }
  return out;
}
