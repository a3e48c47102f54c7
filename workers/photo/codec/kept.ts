/**
 * Samples that were decoded once and are wanted again when the result is saved. Decoding a large photo twice would take the
 * memory of a whole bitmap at a time when the photo and its result lie there as well.
 */
import { type Band, type Layout, type Rows, release, type Samples } from './rows.ts';

/** Smaller photos are decoded again: that takes less than 200 MB. */
const LEAST_PIXELS = 24e6;

export const isWorthKeeping = ({ width, height }: Layout): boolean => width * height >= LEAST_PIXELS;

/** @returns rows to be read once, and what gives the same rows any number of times after that */
export function keepRows(rows: Rows): { first: Rows; again: () => Rows } {
  const { width, height, channels, bits } = rows;
  const layout: Layout = { width, height, channels, bits };
  const kept: { top: number; rows: number; samples: Blob }[] = [];
  async function* first(): AsyncGenerator<Band> {
    for await (const band of rows.bands()) {
      // A blob's bytes lie outside of this thread's memory, and large ones on the disk.
      kept.push({ ...band, samples: new Blob([bytesOf(band.samples)]) });
      yield band;
    }
  }
  async function* again(): AsyncGenerator<Band> {
    for (const { samples, ...band } of kept) {
      const buffer = await samples.arrayBuffer();
      yield { ...band, samples: bits === 16 ? new Uint16Array(buffer) : new Uint8Array(buffer) };
      release(buffer);
    }
  }
  return { first: { ...layout, bands: first }, again: () => ({ ...layout, bands: again }) };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Samples): Uint8Array<ArrayBuffer> =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
