/** Pictures as bands of rows: what every decoder gives and every encoder takes, so that no whole copy is needed. */
import { EngineError } from '../../errors.ts';

export interface Layout {
  /** px. */
  readonly width: number;
  readonly height: number;
  /** 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha (not premultiplied). */
  readonly channels: 1 | 2 | 3 | 4;
  readonly bits: 8 | 16;
}

export type Samples = Uint8Array | Uint16Array;

/**
 * `rows · width · channels` samples, from the top of the picture downwards. They are good until the next band is asked for:
 * decoders fill one buffer again and again, as garbage of this size is collected late.
 */
export interface Band {
  readonly top: number;
  readonly rows: number;
  readonly samples: Samples;
}

export interface Rows extends Layout {
  /** Once; from top to bottom, without gaps. @throws EngineError 'corrupt-image' */
  bands(): AsyncIterable<Band>;
}

let nowhere: MessagePort | null = null;

/** Gives the memory of a buffer back at once, which the browser made and would keep until it collects garbage. */
export function release(buffer: ArrayBuffer): void {
  if (!nowhere) {
    const { port1, port2 } = new MessageChannel();
    port2.close();
    nowhere = port1;
  }
  nowhere.postMessage(null, [buffer]);
}

export const hasAlpha = ({ channels }: Layout): boolean => channels === 2 || channels === 4;

export const makeSamples = (bits: 8 | 16, length: number): Samples =>
  bits === 16 ? new Uint16Array(length) : new Uint8Array(length);

/** Samples that a band may have; about 4 MiB at 8 bits. */
const BAND_SAMPLES = 1 << 22;

export const bandRowsOf = ({ width, channels }: Layout): number =>
  Math.max(1, Math.floor(BAND_SAMPLES / (width * channels)));

export const corrupt = (detail: string): EngineError => new EngineError('corrupt-image', detail);

/**
 * Turned upright. Everything but 1 needs the whole picture in memory.
 *
 * @param orientation EXIF, 1 to 8
 */
export function upright(rows: Rows, orientation: number): Rows {
  if (orientation === 1) return rows;
  const { width, height, channels, bits } = rows;
  const swaps = orientation > 4;
  const turned = { width: swaps ? height : width, height: swaps ? width : height, channels, bits };
  return {
    ...turned,
    async *bands() {
      const samples = makeSamples(bits, width * height * channels);
      for await (const band of rows.bands()) {
        turnInto(samples, turned, band, { width, height }, orientation);
      }
      yield { top: 0, rows: turned.height, samples };
    },
  };
}

function turnInto(
  to: Samples,
  turned: Layout,
  band: Band,
  size: { width: number; height: number },
  orientation: number,
): void {
  const { channels } = turned;
  const { width, height } = size;
  let from = 0;
  for (let y = band.top; y < band.top + band.rows; y++) {
    for (let x = 0; x < width; x++) {
      const [column, row] = place(x, y, width, height, orientation);
      const at = (row * turned.width + column) * channels;
      for (let c = 0; c < channels; c++) to[at + c] = band.samples[from + c] as number;
      from += channels;
    }
  }
}

/** Where a stored pixel lies in the upright picture (Exif 2.3, table 4, tag 274). */
function place(x: number, y: number, width: number, height: number, orientation: number): [number, number] {
  switch (orientation) {
    case 2:
      return [width - 1 - x, y];
    case 3:
      return [width - 1 - x, height - 1 - y];
    case 4:
      return [x, height - 1 - y];
    case 5:
      return [y, x];
    case 6:
      return [height - 1 - y, x];
    case 7:
      return [height - 1 - y, width - 1 - x];
    case 8:
      return [y, width - 1 - x];
    default:
      return [x, y];
  }
}

/** Fewer bits, as RGB or grey, with or without alpha: `change` makes each band's samples. */
export function mapped(rows: Rows, layout: Layout, change: (band: Band) => Samples): Rows {
  return {
    ...layout,
    async *bands() {
      for await (const band of rows.bands()) yield { ...band, samples: change(band) };
    },
  };
}
