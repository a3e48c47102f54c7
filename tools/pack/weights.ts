/** From rows of tensors to the bytes of weights: finds what is wrong with a checkpoint, cuts and converts. */
import { narrowToHalves } from '../../workers/packs/half.ts';
import type { Job, Output } from './jobs.ts';
import { SLAB } from './jobs.ts';
import { quantiseInto, quantiseRows } from './quantise.ts';
import type { TensorReader, TensorSource } from './source.ts';

/**
 * Compares what the graphs want with what the checkpoint holds.
 *
 * @param ignored tells which other tensors may be there
 * @throws Error that lists every missing, mis-shaped and unknown tensor
 */
export function checkTensors(
  checkpoint: Pick<TensorSource, 'names' | 'shape'>,
  wanted: readonly { tensor: string; full: readonly number[] }[],
  ignored: (name: string) => boolean,
): void {
  const expected = new Map(wanted.map(({ tensor, full }) => [tensor, full]));
  const lines: string[] = [];
  for (const [tensor, full] of expected) {
    const shape = checkpoint.shape(tensor);
    if (shape === undefined) lines.push(`missing: ${tensor} [${full.join(', ')}]`);
    else if (shape.join() !== full.join()) {
      lines.push(`wrong shape: ${tensor} is [${shape.join(', ')}], should be [${full.join(', ')}]`);
    }
  }
  for (const name of checkpoint.names()) {
    if (!expected.has(name) && !ignored(name)) lines.push(`unknown: ${name}`);
  }
  if (lines.length > 0) throw new Error(`The checkpoint and its config disagree:\n${lines.join('\n')}`);
}

/** fp16 bits; refuses values that fp16 can't hold, because infinities in a weight are never wanted. */
function toHalves(values: Float32Array, out: Uint16Array): void {
  for (const value of values) {
    if (!(Math.abs(value) < 65520)) throw new Error(`${value} does not fit fp16`);
  }
  narrowToHalves(values, out);
}

const scratch = new Map<number, Float32Array>();

/** Columns of rows, one row behind the other. The result is valid until the next call of the same size. */
function takeColumns(values: Float32Array, width: number, [start, count]: readonly [number, number]): Float32Array {
  const height = values.length / width;
  const length = height * count;
  const out = scratch.get(length) ?? new Float32Array(length);
  if (scratch.size > 8) scratch.clear();
  scratch.set(length, out);
  for (let y = 0; y < height; y++) {
    out.set(values.subarray(y * width + start, y * width + start + count), y * count);
  }
  return out;
}

/** Rows with zeros behind each, up to `width` values. */
function padRows(values: Float32Array, rows: number, width: number): Float32Array {
  const own = values.length / rows;
  const out = new Float32Array(rows * width);
  for (let y = 0; y < rows; y++) out.set(values.subarray(y * own, (y + 1) * own), y * width);
  return out;
}

/**
 * Does a job.
 *
 * @returns for every output the bytes of its writes, in their order
 * @throws Error that names the weight when a value doesn't fit its stored form, or the file that can't be read
 */
export function makeWeights(job: Job, reader: TensorReader): Uint8Array[][] {
  const { place, width, start, count } = job;
  const made = job.outputs.map(({ writes }) => writes.map(({ bytes }) => new Uint8Array(bytes)));
  const slab = Math.max(1, Math.floor(SLAB / width));
  for (let row = 0; row < count; row += slab) {
    const rows = Math.min(slab, count - row);
    const values = reader.read(place, (start + row) * width, rows * width);
    for (const [at, output] of job.outputs.entries()) {
      const { columns, padTo } = output;
      try {
        const cut = columns ? takeColumns(values, width, columns) : values;
        const part = padTo === undefined ? cut : padRows(cut, rows, padTo);
        convert(output, part, made[at] ?? [], { row, rows, count });
      } catch (error) {
        throw new Error(`${output.id}: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
  return made;
}

interface Rows {
  /** First row of this slab, of `count` of the job. */
  readonly row: number;
  readonly rows: number;
  readonly count: number;
}

function convert(output: Output, source: Float32Array, made: Uint8Array[], at: Rows): void {
  const [main = new Uint8Array(0), second = new Uint8Array(0)] = made;
  const width = source.length / at.rows;
  const from = at.row * width;
  const values = output.plus === 0 ? source : source.map((value) => value + output.plus);
  switch (output.stored) {
    case 'q4':
    case 'q8': {
      const bits = output.stored === 'q4' ? 4 : 8;
      const bytes = main.subarray((from * bits) / 8, ((from + source.length) * bits) / 8);
      quantiseInto(values, bits, bytes, new Uint16Array(second.buffer, (2 * from) / 32, source.length / 32));
      return;
    }
    case 'i8c': {
      const row = quantiseRows(values, at.rows);
      main.set(row.subarray(0, source.length), from);
      second.set(row.subarray(row.length - 2 * at.rows), 2 * at.row);
      return;
    }
    case 'f16': {
      const halves = new Uint16Array(main.buffer, 0, main.length / 2);
      if (!output.transpose) toHalves(values, halves.subarray(from, from + values.length));
      else {
        const rows = new Uint16Array(values.length);
        toHalves(values, rows);
        transpose(rows, halves, width, at);
      }
      return;
    }
    case 'f32': {
      const floats = new Float32Array(main.buffer, 0, main.length / 4);
      if (output.transpose) transpose(values, floats, width, at);
      else floats.set(values, from);
    }
  }
}

/** Rows `at.row` … of a matrix `[count, width]` into their columns of `[width, count]`. */
function transpose<T extends Float32Array | Uint16Array>(rows: T, out: T, width: number, at: Rows): void {
  for (let x = 0; x < width; x++) {
    for (let y = 0, to = x * at.count + at.row; y < at.rows; y++, to++) out[to] = rows[y * width + x] as number;
  }
}
