import { describe, expect, it } from 'vitest';
import { EngineError } from '../errors.ts';
import { halfToNumber, numberToHalf } from './half.ts';
import { decodeWeight, fedBytes, fedDType, storedBytes } from './weights.ts';

describe('halves', () => {
  it('survive the way to a number and back, all 65536 of them', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = halfToNumber(bits);
      if (Number.isNaN(value)) expect(Number.isNaN(halfToNumber(numberToHalf(value)))).toBe(true);
      else if (numberToHalf(value) !== bits) throw new Error(`${bits} became ${numberToHalf(value)}`);
    }
  });

  it('round to nearest, ties to even', () => {
    expect(numberToHalf(1)).toBe(0x3c00);
    expect(numberToHalf(-2)).toBe(0xc000);
    expect(numberToHalf(65504)).toBe(0x7bff);
    expect(numberToHalf(65519)).toBe(0x7bff);
    expect(numberToHalf(65520)).toBe(0x7c00);
    expect(numberToHalf(1e9)).toBe(0x7c00);
    expect(numberToHalf(1 + 2 ** -11)).toBe(0x3c00);
    expect(numberToHalf(1 + 3 * 2 ** -11)).toBe(0x3c02);
    expect(numberToHalf(2 ** -25)).toBe(0);
    expect(numberToHalf(1.5 * 2 ** -24)).toBe(2);
    expect(numberToHalf(-0)).toBe(0x8000);
  });
});

const bytesOf = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

describe('decodeWeight', () => {
  it('copies, widens and narrows plain weights', () => {
    const values = new Float32Array([0, 1, -2.5, 1000]);
    const halves = new Uint16Array([...values].map(numberToHalf));
    const shape = [2, 2];
    expect(decodeWeight(bytesOf(values), { stored: 'f32', shape }, 'float32')).toEqual(values);
    expect(decodeWeight(bytesOf(values), { stored: 'f32', shape }, 'float16')).toEqual(halves);
    expect(decodeWeight(bytesOf(halves), { stored: 'f16', shape }, 'float32')).toEqual(values);
    expect(decodeWeight(bytesOf(halves), { stored: 'f16', shape }, 'float16')).toEqual(halves);
  });

  it('reads weights at odd addresses', () => {
    const values = new Float32Array([3, 4]);
    const shifted = new Uint8Array(9);
    shifted.set(bytesOf(values), 1);
    expect(decodeWeight(shifted.subarray(1), { stored: 'f32', shape: [2] }, 'float32')).toEqual(values);
  });

  it('hands 4-bit and 8-bit blocks on as they are', () => {
    const bytes = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
    expect(decodeWeight(bytes, { stored: 'q4', shape: [1, 2, 16] }, 'uint8')).toEqual(bytes);
    expect(decodeWeight(bytes, { stored: 'q8', shape: [1, 1, 32] }, 'uint8')).toEqual(bytes);
  });

  it('widens signed bytes with the scale of their row', () => {
    const spec = { stored: 'i8c', shape: [2, 3] } as const;
    const bytes = new Uint8Array(storedBytes(spec));
    expect(bytes.length).toBe(16 + 4);
    new Int8Array(bytes.buffer, 0, 6).set([1, -2, 127, -127, 0, 5]);
    new Uint16Array(bytes.buffer, 16, 2).set([numberToHalf(0.5), numberToHalf(0.25)]);
    expect([...decodeWeight(bytes, spec, 'float32')]).toEqual([0.5, -1, 63.5, -31.75, 0, 1.25]);
    expect([...decodeWeight(bytes, spec, 'float16')].map(halfToNumber)).toEqual([0.5, -1, 63.5, -31.75, 0, 1.25]);
  });

  it('writes into a buffer of the caller', () => {
    const target = new ArrayBuffer(24);
    const out = decodeWeight(bytesOf(new Float32Array([7, 8])), { stored: 'f32', shape: [2] }, 'float32', target, 8);
    expect(out.buffer).toBe(target);
    expect([...new Float32Array(target)]).toEqual([0, 0, 7, 8, 0, 0]);
  });

  it('refuses bytes that are too few and forms that do not fit', () => {
    expect(() => decodeWeight(new Uint8Array(7), { stored: 'f32', shape: [2] }, 'float32')).toThrow(EngineError);
    expect(() => decodeWeight(new Uint8Array(16), { stored: 'q4', shape: [1, 1, 16] }, 'float32')).toThrow(/q4/);
    expect(() => decodeWeight(new Uint8Array(8), { stored: 'f32', shape: [2] }, 'uint8')).toThrow(/uint8/);
  });

  it('knows dtypes and sizes', () => {
    expect(fedDType({ dtype: 'compute' }, 'f16')).toBe('float16');
    expect(fedDType({ dtype: 'compute' }, 'f32')).toBe('float32');
    expect(fedDType({ dtype: 'uint8' }, 'f16')).toBe('uint8');
    expect(fedBytes({ shape: [3, 5] }, 'float16')).toBe(30);
    expect(storedBytes({ stored: 'q4', shape: [4, 2, 16] })).toBe(128);
  });
});
