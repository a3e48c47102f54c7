/**
 * Baseline JPEG (ITU T.81), row by row. A canvas would need the whole photo as RGBA and a copy of it, knows no grey and
 * no profile but its own.
 */
import { type Bytes, concat, viewOf } from '../bytes.ts';
import { jpegHead } from '../meta/jpeg.ts';
import type { Loss, Metadata } from '../meta/metadata.ts';
import { forwardDct, quantFactors } from './dct.ts';
import { HUFFMAN, huffmanCodes, quantTables, ZIGZAG } from './jpeg-tables.ts';
import type { Rows } from './rows.ts';

/** From here on colour is stored at full size: halving it is what is seen first. */
const FULL_COLOUR = 90;

/**
 * @param rows 8 bits, 1 or 3 channels
 * @param quality 0 to 1, libjpeg's scale
 */
export async function writeJpeg(rows: Rows, meta: Metadata, quality: number): Promise<{ file: Blob; lost: Loss[] }> {
  if (rows.bits !== 8 || (rows.channels !== 1 && rows.channels !== 3))
    throw new RangeError('JPEG is 8-bit grey or RGB');
  const percent = Math.round(Math.min(1, Math.max(0.01, quality)) * 100);
  const halved = rows.channels === 3 && percent < FULL_COLOUR;
  const { head, lost } = jpegHead(meta);
  const encoder = new Encoder(rows, percent, halved);
  const parts: BlobPart[] = [Uint8Array.of(0xff, 0xd8), head, encoder.header()];
  for await (const { samples, rows: count } of rows.bands()) {
    const done = encoder.add(samples, count);
    // A blob's bytes lie outside of this thread's heap.
    if (done.length > 0) parts.push(new Blob([done]));
  }
  parts.push(encoder.end());
  return { file: new Blob(parts, { type: 'image/jpeg' }), lost };
}

function segment(marker: number, data: Uint8Array): Bytes {
  const out = concat(Uint8Array.of(0xff, marker, 0, 0), data);
  viewOf(out).setUint16(2, data.length + 2);
  return out;
}

type Coder = ReturnType<typeof huffmanCodes>;

class Encoder {
  readonly #width: number;
  readonly #height: number;
  readonly #channels: number;
  /** px of a minimum coded unit. */
  readonly #unit: number;
  readonly #padded: number;
  readonly #quant: readonly [Uint8Array, Uint8Array];
  readonly #factors: readonly Float32Array[];
  readonly #coders: readonly { dc: Coder; ac: Coder }[];
  /** Lines of one row of units, Y Cb Cr at full size. */
  readonly #planes: readonly Float32Array[];
  readonly #block = new Float32Array(64);
  readonly #last = [0, 0, 0];
  #lines = 0;
  #out: Bytes = new Uint8Array(1 << 16);
  #length = 0;
  #bits = 0;
  #held = 0;

  constructor({ width, height, channels }: Rows, percent: number, halved: boolean) {
    this.#width = width;
    this.#height = height;
    this.#channels = channels;
    this.#unit = halved ? 16 : 8;
    this.#padded = Math.ceil(width / this.#unit) * this.#unit;
    this.#quant = quantTables(percent);
    this.#factors = this.#quant.map(quantFactors);
    this.#coders = HUFFMAN.map(({ dc, ac }) => ({ dc: huffmanCodes(dc), ac: huffmanCodes(ac) }));
    this.#planes = Array.from({ length: channels }, () => new Float32Array(this.#padded * this.#unit));
  }

  header(): Bytes {
    const colours = this.#channels === 3;
    const tables = (colours ? [0, 1] : [0]) as (0 | 1)[];
    const dqt = tables.map((i) =>
      concat(
        Uint8Array.of(i),
        Uint8Array.from(ZIGZAG, (at) => this.#quant[i][at] as number),
      ),
    );
    const dht = tables.flatMap((i) =>
      (['dc', 'ac'] as const).map((kind, high) => {
        const { counts, values } = (HUFFMAN[i] as (typeof HUFFMAN)[number])[kind];
        return Uint8Array.from([(high << 4) | i, ...counts, ...values]);
      }),
    );
    const components = Array.from({ length: this.#channels }, (_, c) => c);
    const sampling = this.#unit === 16 ? 0x22 : 0x11;
    const sof = new Uint8Array(6 + 3 * this.#channels);
    viewOf(sof).setUint16(1, this.#height);
    viewOf(sof).setUint16(3, this.#width);
    sof[0] = 8;
    sof[5] = this.#channels;
    for (const c of components) sof.set([c + 1, c === 0 ? sampling : 0x11, c === 0 ? 0 : 1], 6 + 3 * c);
    const sos = [this.#channels, ...components.flatMap((c) => [c + 1, c === 0 ? 0x00 : 0x11]), 0, 63, 0];
    return concat(
      segment(0xdb, concat(...dqt)),
      segment(0xc0, sof),
      segment(0xc4, concat(...dht)),
      segment(0xda, Uint8Array.from(sos)),
    );
  }

  /** @returns the bytes that are ready */
  add(samples: Uint8Array | Uint16Array, count: number): Bytes {
    for (let y = 0; y < count; y++) {
      this.#takeLine(samples, y * this.#width * this.#channels);
      if (this.#lines === this.#unit) this.#encodeUnits();
    }
    return this.#flush();
  }

  end(): Bytes {
    if (this.#lines > 0) {
      const { length } = this.#planes[0] as Float32Array;
      const from = (this.#lines - 1) * this.#padded;
      for (const plane of this.#planes) {
        for (let at = from + this.#padded; at < length; at += this.#padded)
          plane.copyWithin(at, from, from + this.#padded);
      }
      this.#encodeUnits();
    }
    // T.81, F.1.2.3: filled up with ones.
    this.#put(0x7f, 7);
    return concat(this.#flush(), Uint8Array.of(0xff, 0xd9));
  }

  /** JFIF's YCbCr, less 128. Beyond the right edge the last pixel is repeated. */
  #takeLine(samples: Uint8Array | Uint16Array, from: number): void {
    const to = this.#lines * this.#padded;
    const [luma, blue, red] = this.#planes as [Float32Array, Float32Array, Float32Array];
    for (let x = 0; x < this.#width; x++) {
      if (!blue || !red) {
        luma[to + x] = (samples[from + x] as number) - 128;
        continue;
      }
      const r = samples[from + 3 * x] as number;
      const g = samples[from + 3 * x + 1] as number;
      const b = samples[from + 3 * x + 2] as number;
      luma[to + x] = 0.299 * r + 0.587 * g + 0.114 * b - 128;
      blue[to + x] = -0.168735892 * r - 0.331264108 * g + 0.5 * b;
      red[to + x] = 0.5 * r - 0.418687589 * g - 0.081312411 * b;
    }
    for (const plane of this.#planes)
      plane.fill(plane[to + this.#width - 1] as number, to + this.#width, to + this.#padded);
    this.#lines++;
  }

  #encodeUnits(): void {
    const unit = this.#unit;
    for (let x = 0; x < this.#padded; x += unit) {
      for (let dy = 0; dy < unit; dy += 8) for (let dx = 0; dx < unit; dx += 8) this.#encode(0, x + dx, dy, 1);
      for (let c = 1; c < this.#channels; c++) this.#encode(c, x, 0, unit / 8);
    }
    this.#lines = 0;
  }

  /** One block; `shrink` 2 takes the mean of 2 × 2 px. */
  #encode(component: number, x: number, y: number, shrink: number): void {
    const plane = this.#planes[component] as Float32Array;
    const block = this.#block;
    const stride = this.#padded;
    for (let j = 0; j < 8; j++) {
      const line = (y + j * shrink) * stride + x;
      for (let i = 0; i < 8; i++) {
        const at = line + i * shrink;
        block[8 * j + i] =
          shrink === 1
            ? (plane[at] as number)
            : ((plane[at] as number) +
                (plane[at + 1] as number) +
                (plane[at + stride] as number) +
                (plane[at + stride + 1] as number)) /
              4;
      }
    }
    forwardDct(block);
    const table = component === 0 ? 0 : 1;
    this.#writeBlock(component, this.#factors[table] as Float32Array, this.#coders[table] as { dc: Coder; ac: Coder });
  }

  /** T.81, F.1.2. */
  #writeBlock(component: number, factors: Float32Array, { dc, ac }: { dc: Coder; ac: Coder }): void {
    const block = this.#block;
    const level = (i: number) => Math.round((block[i] as number) * (factors[i] as number));
    const first = level(0);
    const difference = first - (this.#last[component] as number);
    this.#last[component] = first;
    this.#putValue(dc, 0, difference);
    let zeros = 0;
    for (let k = 1; k < 64; k++) {
      const value = level(ZIGZAG[k] as number);
      if (value === 0) {
        zeros++;
        continue;
      }
      for (; zeros > 15; zeros -= 16) this.#put(ac.code[0xf0] as number, ac.size[0xf0] as number);
      this.#putValue(ac, zeros, value);
      zeros = 0;
    }
    if (zeros > 0) this.#put(ac.code[0] as number, ac.size[0] as number);
  }

  #putValue({ code, size }: Coder, zeros: number, value: number): void {
    // Extremes of 8-bit pixels stay within 11 bits for DC differences and 10 for AC.
    const bits = 32 - Math.clz32(Math.abs(value));
    const symbol = (zeros << 4) | bits;
    this.#put(code[symbol] as number, size[symbol] as number);
    if (bits > 0) this.#put(value < 0 ? value + (1 << bits) - 1 : value, bits);
  }

  #put(value: number, count: number): void {
    this.#held = (this.#held << count) | value;
    this.#bits += count;
    while (this.#bits >= 8) {
      const byte = (this.#held >> (this.#bits - 8)) & 255;
      if (this.#length + 2 > this.#out.length) this.#out = concat(this.#out, new Uint8Array(this.#out.length));
      this.#out[this.#length++] = byte;
      if (byte === 255) this.#out[this.#length++] = 0;
      this.#bits -= 8;
    }
    this.#held &= (1 << this.#bits) - 1;
  }

  #flush(): Bytes {
    const done = this.#out.slice(0, this.#length);
    this.#length = 0;
    return done;
  }
}
