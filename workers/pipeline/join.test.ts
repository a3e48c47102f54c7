import { describe, expect, it } from 'vitest';
import type { DType, Tensor } from './backend.ts';
import { joinData, planJoin } from './join.ts';
import { TensorScope } from './scope.ts';
import { cutSheet, dropAbove, type Sheet, sheetOf, wholeOf } from './sheet.ts';
import { ToyBackend } from './testing/toy.ts';
import { toyManifest } from './testing/toy-manifest.ts';

const tensor = (dims: readonly number[], dtype: DType = 'float32'): Tensor => ({ dtype, dims, dispose: () => {} });
const count = (length: number, from = 0) => Float32Array.from({ length }, (_, i) => from + i);

describe('planJoin', () => {
  it('puts rows of tensors behind each other along any axis, with zeros around them', () => {
    const pieces = [
      { tensor: tensor([2, 3, 2]), start: 1, rows: 2 },
      { tensor: tensor([2, 1, 2]), start: 0, rows: 1 },
    ];
    const joined = planJoin(1, pieces, 1, 2);
    expect(joined.dims).toEqual([2, 6, 2]);
    const data = joinData(joined, [count(12, 1), count(4, 100)]);
    expect([...data]).toEqual([0, 0, 3, 4, 5, 6, 100, 101, 0, 0, 0, 0, 0, 0, 9, 10, 11, 12, 102, 103, 0, 0, 0, 0]);
    expect(joined.zeros).toEqual([
      [0, 2],
      [8, 4],
      [12, 2],
      [20, 4],
    ]);
    const last = planJoin(2, [{ tensor: tensor([1, 2, 3]), start: 2, rows: 1 }], 0, 1);
    expect([...joinData(last, [count(6)])]).toEqual([2, 0, 5, 0]);
  });

  it('refuses what does not fit together', () => {
    const piece = (dims: number[], start: number, rows: number, dtype?: DType) => ({
      tensor: tensor(dims, dtype),
      start,
      rows,
    });
    for (const pieces of [
      [],
      [piece([1, 4], 3, 2)],
      [piece([1, 4], -1, 2)],
      [piece([1, 4], 0, 0)],
      [piece([1, 4], 0, 1), piece([2, 4], 0, 1)],
      [piece([1, 4], 0, 1), piece([1, 4, 1], 0, 1)],
      [piece([1, 4], 0, 1), piece([1, 4], 0, 1, 'int32')],
      [piece([1, 4], 0, 2, 'float16')],
    ]) {
      expect(() => planJoin(1, pieces, 0, 0)).toThrow(/join/);
    }
  });
});

describe('sheets', () => {
  const backend = new ToyBackend(toyManifest());
  const upload = (dims: number[], from: number) =>
    backend.upload(
      'float32',
      dims,
      count(
        dims.reduce((a, b) => a * b, 1),
        from,
      ),
    );
  const noZeros = { before: 0, after: 0 };

  it('are cut across their parts, give a part itself where it fits, and are let go from above', async () => {
    const scope = new TensorScope();
    const parts = [0, 3, 5].map((start, i) => ({
      tensor: scope.add(upload([1, 1, [3, 2, 3][i] ?? 0, 1], start)),
      start,
      rows: [3, 2, 3][i] ?? 0,
    }));
    const sheet: Sheet = { dims: [1, 1, 8, 1], axis: 2, parts };
    const cut = cutSheet(backend, sheet, 2, { start: 2, rows: 4, before: 1, after: 1 }, scope);
    expect([...(await backend.download(cut))]).toEqual([0, 2, 3, 4, 5, 0]);
    expect(cutSheet(backend, sheet, 2, { start: 3, rows: 2, ...noZeros }, scope)).toBe(parts[1]?.tensor);
    expect(() => cutSheet(backend, sheet, 1, { start: 0, rows: 1, ...noZeros }, scope)).toThrow(/axis 1/);
    dropAbove(sheet, 4, scope);
    expect(sheet.parts.map(({ start }) => start)).toEqual([3, 5]);
    expect(() => cutSheet(backend, sheet, 2, { start: 2, rows: 2, ...noZeros }, scope)).toThrow(/not there/);
    scope.close();
    expect(backend.live.size).toBe(0);
  });

  it('in one piece can be cut along any axis; in several they are joined once', async () => {
    const scope = new TensorScope();
    const whole = sheetOf(scope.add(upload([1, 2, 3, 1], 0)));
    const row = cutSheet(backend, whole, 1, { start: 1, rows: 1, ...noZeros }, scope);
    expect([...(await backend.download(row))]).toEqual([3, 4, 5]);
    const parts = [0, 1].map((start) => ({ tensor: scope.add(upload([1, 2, 1, 1], 10 * start)), start, rows: 1 }));
    const sheet: Sheet = { dims: [1, 2, 2, 1], axis: 2, parts };
    const joined = wholeOf(backend, sheet, scope);
    expect([...(await backend.download(joined))]).toEqual([0, 10, 1, 11]);
    expect(wholeOf(backend, sheet, scope)).toBe(joined);
    scope.close();
    expect(backend.live.size).toBe(0);
  });
});
