/** TIFF 6.0, 8 or 16 bits, Deflate with horizontal differencing, strip by strip. */
import { type Bytes, concat, deflate, latin, utf8, viewOf } from '../bytes.ts';
import { ifdAt, openBlock, TYPE_BYTES } from '../meta/ifd.ts';
import type { Metadata } from '../meta/metadata.ts';
import { notWritten } from '../save-limits.ts';
import { bandRowsOf, type Rows, type Samples } from './rows.ts';

const LIMIT = 0xffff_0000;

interface Tag {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  readonly data: Bytes;
}

/**
 * The EXIF block, where there is one, becomes the start of the file as it is: every offset in it, also those in
 * MakerNotes, stays right. Picture data follow, then the directory: EXIF's own first one and what describes the picture.
 *
 * @throws EngineError 'save-unsupported' above 4 GB
 */
export async function writeTiff(rows: Rows, meta: Metadata): Promise<Blob> {
  const block = meta.exif && openBlock(meta.exif.slice());
  const little = block?.little ?? true;
  const start = block ? block.bytes.slice() : concat(latin('II*\0'), new Uint8Array(4));
  const parts: BlobPart[] = [];
  let end = start.length;
  const put = (bytes: Bytes): number => {
    // Word boundaries, as the specification wants.
    const pad = end % 2;
    if (pad) parts.push(new Uint8Array(1));
    const at = end + pad;
    parts.push(new Blob([bytes]));
    end = at + bytes.length;
    if (end > LIMIT) throw notWritten('tiff', 'over 4 GB');
    return at;
  };
  const { width, height, channels, bits } = rows;
  const offsets: number[] = [];
  const counts: number[] = [];
  const perStrip = Math.min(height, bandRowsOf(rows));
  for await (const strip of strips(rows, perStrip)) {
    const packed = await deflate(differenced(strip, width, channels, little));
    offsets.push(put(packed));
    counts.push(packed.length);
  }
  const short = (tag: number, ...values: number[]) => numbers(tag, 3, values, little);
  const long = (tag: number, ...values: number[]) => numbers(tag, 4, values, little);
  const raw = (tag: number, type: number, data: Bytes): Tag => ({ tag, type, count: data.length, data });
  const structure: Tag[] = [
    long(256, width),
    long(257, height),
    short(258, ...new Array<number>(channels).fill(bits)),
    short(259, 8),
    short(262, channels > 2 ? 2 : 1),
    long(273, ...offsets),
    short(277, channels),
    long(278, perStrip),
    long(279, ...counts),
    short(284, 1),
    short(317, 2),
    ...(channels === 2 || channels === 4 ? [short(338, 2)] : []),
    ...(meta.xmp ? [raw(700, 1, utf8(meta.xmp))] : []),
    ...(meta.iptc ? [raw(33723, 1, meta.iptc)] : []),
    ...(meta.resources ? [raw(34377, 1, meta.resources)] : []),
    ...(meta.icc ? [raw(34675, 7, meta.icc)] : []),
  ];
  const first = block && ifdAt(block, block.first);
  const taken = new Set(structure.map(({ tag }) => tag));
  const kept = (first?.entries ?? []).filter(({ tag }) => !taken.has(tag));
  const table = new Uint8Array(2 + 12 * (structure.length + kept.length) + 4);
  const view = viewOf(table);
  view.setUint16(0, structure.length + kept.length, little);
  const all = [
    ...kept.map(({ tag, at }) => ({ tag, bytes: start.slice(at, at + 12) })),
    ...structure.map((one) => ({ tag: one.tag, bytes: entryOf(one, little, put) })),
  ].sort((a, b) => a.tag - b.tag);
  all.forEach(({ bytes }, i) => {
    table.set(bytes, 2 + 12 * i);
  });
  viewOf(start).setUint32(4, put(table), little);
  return new Blob([start, ...parts], { type: 'image/tiff' });
}

function numbers(tag: number, type: 3 | 4, values: readonly number[], little: boolean): Tag {
  const size = TYPE_BYTES[type] as number;
  const data = new Uint8Array(size * values.length);
  const view = viewOf(data);
  values.forEach((value, i) => {
    if (type === 3) view.setUint16(2 * i, value, little);
    else view.setUint32(4 * i, value, little);
  });
  return { tag, type, count: values.length, data };
}

function entryOf({ tag, type, count, data }: Tag, little: boolean, put: (bytes: Bytes) => number): Bytes {
  const entry = new Uint8Array(12);
  const view = viewOf(entry);
  view.setUint16(0, tag, little);
  view.setUint16(2, type, little);
  view.setUint32(4, count, little);
  if (data.length <= 4) entry.set(data, 8);
  else view.setUint32(8, put(data), little);
  return entry;
}

/** Bands cut or joined to strips of `count` rows. */
async function* strips(rows: Rows, count: number): AsyncGenerator<Samples> {
  const stride = rows.width * rows.channels;
  const make = () => (rows.bits === 16 ? new Uint16Array(count * stride) : new Uint8Array(count * stride));
  let strip = make();
  let filled = 0;
  for await (const band of rows.bands()) {
    for (let y = 0; y < band.rows; ) {
      const some = Math.min(band.rows - y, count - filled);
      strip.set(band.samples.subarray(y * stride, (y + some) * stride), filled * stride);
      y += some;
      filled += some;
      if (filled < count) continue;
      yield strip;
      strip = make();
      filled = 0;
    }
  }
  if (filled > 0) yield strip.subarray(0, filled * stride);
}

/** TIFF 6.0, section 14; bytes in the file's order. */
function differenced(samples: Samples, width: number, channels: number, little: boolean): Bytes {
  const stride = width * channels;
  const wide = samples instanceof Uint16Array;
  const out = new Uint8Array(samples.length * (wide ? 2 : 1));
  const view = viewOf(out);
  for (let line = 0; line < samples.length; line += stride) {
    for (let i = line; i < line + stride; i++) {
      const value = (samples[i] as number) - (i - line >= channels ? (samples[i - channels] as number) : 0);
      if (wide) view.setUint16(2 * i, value & 0xffff, little);
      else out[i] = value;
    }
  }
  return out;
}
