import { describe, expect, it } from 'vitest';
import { bandRows, fitInto, makeRgba, shrinkToRgba, takeRgb } from './rgba.ts';

describe('takeRgb and makeRgba', () => {
  it('are each other’s inverse for opaque pixels, at any place', () => {
    const rgba = Uint8ClampedArray.of(1, 2, 3, 255, 4, 5, 6, 255);
    const rgb = new Uint8Array(12);
    expect(takeRgb(rgba, rgb, 1)).toBe(false);
    expect([...rgb]).toEqual([0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0]);
    expect([...makeRgba(rgb, null, 1, 2)]).toEqual([...rgba]);
  });

  it('notice and carry transparency', () => {
    const rgb = new Uint8Array(3);
    expect(takeRgb(Uint8ClampedArray.of(9, 9, 9, 254), rgb, 0)).toBe(true);
    expect([...makeRgba(rgb, Uint8Array.of(254), 0, 1)]).toEqual([9, 9, 9, 254]);
  });
});

describe('bandRows', () => {
  it('gives at most 2^20 px a band and at least one row', () => {
    expect(bandRows(1024)).toBe(1024);
    expect(bandRows(3_000_000)).toBe(1);
  });
});

describe('fitInto', () => {
  it('keeps the aspect and never enlarges', () => {
    expect(fitInto(4000, 3000, 1000)).toEqual({ width: 1000, height: 750 });
    expect(fitInto(40, 30, 1000)).toEqual({ width: 40, height: 30 });
    expect(fitInto(10000, 1, 100)).toEqual({ width: 100, height: 1 });
  });
});

describe('shrinkToRgba', () => {
  it('averages whole blocks', () => {
    const rgb = Uint8Array.from([0, 10, 20, 100, 110, 120, 40, 50, 60, 60, 70, 80]);
    expect([...shrinkToRgba({ width: 2, height: 2, rgb }, null, 1, 1)]).toEqual([50, 60, 70, 255]);
    expect([...shrinkToRgba({ width: 4, height: 1, rgb }, null, 2, 1)]).toEqual([50, 60, 70, 255, 50, 60, 70, 255]);
  });

  it('keeps a flat colour at sizes that do not divide', () => {
    const rgb = new Uint8Array(3 * 7 * 5).fill(200);
    expect(new Set(shrinkToRgba({ width: 7, height: 5, rgb }, null, 3, 2))).toEqual(new Set([200, 255]));
  });

  it('averages alpha', () => {
    const rgb = new Uint8Array(6).fill(80);
    expect([...shrinkToRgba({ width: 2, height: 1, rgb }, Uint8Array.of(0, 100), 1, 1)]).toEqual([80, 80, 80, 50]);
  });
});
