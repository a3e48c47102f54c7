/**
 * From the bytes of a shard to what a graph input wants (docs/pack-format.md, "Weights"). Pure; browser and Node
 * backends share it. Everything is little-endian, as every platform that runs WebAssembly is.
 */
import { EngineError } from '../errors.ts';
import type { DType, TensorData } from '../pipeline/backend.ts';
import { narrowToHalves, numberToHalf, widenHalves } from './half.ts';
import type { Mode, Port, WeightSpec } from './manifest.ts';

/** How a weight is stored, and the shape that the graph input sees. Every manifest weight is one. */
export interface StoredWeight {
  readonly stored: WeightSpec['stored'];
  readonly shape: readonly number[];
}

/** The dtype that a port has in a mode: `compute` is float16 in mode f16 and float32 in mode f32. */
export function fedDType(port: Pick<Port, 'dtype'>, mode: Mode): DType {
  if (port.dtype !== 'compute') return port.dtype;
  return mode === 'f16' ? 'float16' : 'float32';
}

export function bytesPerElement(dtype: DType): number {
  if (dtype === 'uint8') return 1;
  return dtype === 'float16' ? 2 : 4;
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

const align16 = (bytes: number) => Math.ceil(bytes / 16) * 16;

/** Bytes that a weight takes in its shard. `i8c`: the signed bytes, padded to 16, then a fp16 scale a row of axis 0. */
export function storedBytes(spec: StoredWeight): number {
  const elements = elementCount(spec.shape);
  switch (spec.stored) {
    case 'f32':
      return 4 * elements;
    case 'f16':
      return 2 * elements;
    case 'q4':
    case 'q8':
      return elements;
    case 'i8c':
      return align16(elements) + 2 * (spec.shape[0] ?? 1);
  }
}

/** Bytes that a weight takes once fed as `dtype`. */
export function fedBytes(spec: Pick<StoredWeight, 'shape'>, dtype: DType): number {
  return elementCount(spec.shape) * bytesPerElement(dtype);
}

export function makeTensorData(
  dtype: DType,
  length: number,
  buffer: ArrayBufferLike = new ArrayBuffer(length * bytesPerElement(dtype)),
  byteOffset = 0,
): TensorData {
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, length);
    case 'float16':
      return new Uint16Array(buffer, byteOffset, length);
    case 'int32':
      return new Int32Array(buffer, byteOffset, length);
    case 'uint8':
      return new Uint8Array(buffer, byteOffset, length);
  }
}

/**
 * Decodes one weight.
 *
 * @param bytes the weight's bytes in the shard (`spec.bytes` of them from `spec.offset`), at any alignment
 * @param dtype what the graph input asks for: `fedDType(port, mode)`
 * @param target where to write, e.g. a mapped staging buffer; must hold `fedBytes(spec, dtype)` from `targetOffset`
 *   (a multiple of 4). A new buffer where absent.
 * @returns a view of the written elements; float16 as raw bits
 * @throws EngineError 'pack-damaged' when sizes disagree or the stored form can't be fed as `dtype`
 */
export function decodeWeight(
  bytes: Uint8Array,
  spec: StoredWeight,
  dtype: DType,
  target?: ArrayBufferLike,
  targetOffset = 0,
): TensorData {
  if (bytes.byteLength < storedBytes(spec)) {
    throw new EngineError('pack-damaged', `a weight has ${bytes.byteLength} bytes, needs ${storedBytes(spec)}`);
  }
  const elements = elementCount(spec.shape);
  const out = makeTensorData(dtype, elements, target, targetOffset);
  if (spec.stored === 'q4' || spec.stored === 'q8') {
    if (!(out instanceof Uint8Array)) throw refuse(spec.stored, dtype);
    out.set(bytes.subarray(0, elements));
  } else if (spec.stored === 'i8c') {
    widenRows(bytes, spec.shape, out, dtype);
  } else if (spec.stored === 'f32') {
    const source = new Float32Array(...aligned(bytes, 4, elements));
    if (out instanceof Float32Array) out.set(source);
    else if (out instanceof Uint16Array) narrowToHalves(source, out);
    else throw refuse(spec.stored, dtype);
  } else {
    const source = new Uint16Array(...aligned(bytes, 2, elements));
    if (out instanceof Float32Array) widenHalves(source, out);
    else if (out instanceof Uint16Array) out.set(source);
    else throw refuse(spec.stored, dtype);
  }
  return out;
}

/** `i8c`: element = signed byte × the scale of its row (output channel). */
function widenRows(bytes: Uint8Array, shape: readonly number[], out: TensorData, dtype: DType): void {
  if (!(out instanceof Float32Array) && !(out instanceof Uint16Array)) throw refuse('i8c', dtype);
  const elements = elementCount(shape);
  const rows = shape[0] ?? 1;
  const length = elements / rows;
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, elements);
  const scales = new Float32Array(rows);
  widenHalves(new Uint16Array(...aligned(bytes.subarray(align16(elements)), 2, rows)), scales);
  for (let row = 0; row < rows; row++) {
    const scale = scales[row] as number;
    const end = (row + 1) * length;
    if (out instanceof Float32Array) for (let i = row * length; i < end; i++) out[i] = (signed[i] as number) * scale;
    else for (let i = row * length; i < end; i++) out[i] = numberToHalf((signed[i] as number) * scale);
  }
}

/** Constructor arguments of a typed array over `bytes`; copies only where the bytes are not aligned. */
function aligned(bytes: Uint8Array, unit: number, length: number): [ArrayBufferLike, number, number] {
  if (bytes.byteOffset % unit === 0) return [bytes.buffer, bytes.byteOffset, length];
  return [bytes.slice(0, length * unit).buffer, 0, length];
}

function refuse(stored: string, dtype: DType): EngineError {
  return new EngineError('pack-damaged', `a weight stored as ${stored} can't be fed as ${dtype}`);
}
