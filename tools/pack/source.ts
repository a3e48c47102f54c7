/**
 * Where the values of a tensor come from, as plain data that any thread can read by: a range of a safetensors file, or
 * numbers drawn from a counter (virtual.ts). The rest of the builder sees float32.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { widenHalves } from '../../workers/packs/half.ts';
import { type Drawn, drawBits } from './virtual-draw.ts';

export const DTYPE_BYTES = { F32: 4, F16: 2, BF16: 2 } as const;
export type TensorDType = keyof typeof DTYPE_BYTES;

export interface TensorPlace {
  readonly dtype: TensorDType;
  readonly shape: readonly number[];
  readonly from: { readonly file: string; readonly offset: number } | { readonly drawn: Drawn };
}

export interface Rows {
  readonly start: number;
  readonly count: number;
}

/** What the builder asks of a checkpoint; `Checkpoint` reads files, `VirtualCheckpoint` draws numbers. */
export interface TensorSource {
  names(): string[];
  /** undefined where the checkpoint has no such tensor. */
  place(name: string): TensorPlace | undefined;
  shape(name: string): readonly number[] | undefined;
  read(name: string, rows?: Rows): Promise<Float32Array>;
  /** Changes whenever the values may have changed: what an interrupted build is recognised by. */
  identity(): unknown;
  close(): Promise<void>;
}

export const elementsOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Reads ranges of tensors, one after the other. Buffers are reused: a result is valid until the next call. */
export class TensorReader {
  private readonly files = new Map<string, number>();
  private bytes = new ArrayBuffer(0);
  private values = new Float32Array(0);

  /**
   * Elements `start` … `start + count` of a tensor as float32.
   *
   * @throws Error with the file's name when it ends early or can't be read
   */
  read(place: TensorPlace, start: number, count: number): Float32Array {
    const size = DTYPE_BYTES[place.dtype];
    if (this.bytes.byteLength < count * size) this.bytes = new ArrayBuffer(count * size);
    if (this.values.length < count) this.values = new Float32Array(count);
    const raw = new Uint8Array(this.bytes, 0, count * size);
    if ('file' in place.from) this.fill(place.from.file, place.from.offset + start * size, raw);
    else drawBits(place.from.drawn, place.dtype, start, raw);
    return widen(raw, place.dtype, this.values.subarray(0, count));
  }

  private fill(path: string, position: number, into: Uint8Array): void {
    let file = this.files.get(path);
    if (file === undefined) {
      file = openSync(path, 'r');
      this.files.set(path, file);
    }
    for (let done = 0; done < into.length; ) {
      const got = readSync(file, into, done, Math.min(into.length - done, 1 << 30), position + done);
      if (got === 0) throw new Error(`${path} ends at byte ${position + done}: it is cut off. Fetch this file again.`);
      done += got;
    }
  }

  close(): void {
    for (const file of this.files.values()) closeSync(file);
    this.files.clear();
  }
}

function widen(raw: Uint8Array, dtype: TensorDType, out: Float32Array): Float32Array {
  if (dtype === 'F32') {
    new Uint8Array(out.buffer, 0, raw.length).set(raw);
    return out;
  }
  const bits = new Uint16Array(raw.buffer, 0, out.length);
  if (dtype === 'F16') {
    widenHalves(bits, out);
    return out;
  }
  // bfloat16 is the upper half of binary32.
  const wide = new Uint32Array(out.buffer, 0, out.length);
  for (let i = 0; i < wide.length; i++) wide[i] = (bits[i] as number) << 16;
  return out;
}
