import { describe, expect, it } from 'vitest';
import { attempts, saferThan } from './choose.ts';
import { threadCount } from './ort.ts';

describe('attempts', () => {
  it('goes from the fastest to the safest', () => {
    const list = attempts(true, true, ['f32', 'f16']).map(({ wishes, mode }) => [mode, wishes.subgroups]);
    expect(list).toEqual([
      ['f16', true],
      ['f16', false],
      ['f32', true],
      ['f32', false],
    ]);
  });

  it('leaves out what the adapter or the pack does not have', () => {
    expect(attempts(false, false, ['f32', 'f16'])).toEqual([{ wishes: { f16: false, subgroups: false }, mode: 'f32' }]);
    expect(attempts(true, false, ['f32'])).toEqual([{ wishes: { f16: false, subgroups: false }, mode: 'f32' }]);
  });
});

describe('saferThan', () => {
  it('goes down one rung at a time, and ends on the processor', () => {
    const both = ['f32', 'f16'] as const;
    const first = saferThan({ mode: 'f16', subgroups: true }, both);
    expect(first).toEqual({ modes: both, subgroups: false });
    const second = saferThan({ mode: 'f16', subgroups: false }, first?.modes ?? []);
    expect(second).toEqual({ modes: ['f32'], subgroups: false });
    expect(saferThan({ mode: 'f32', subgroups: false }, second?.modes ?? [])).toBeNull();
    // A pack that has float16 graphs only can't go on with others.
    expect(saferThan({ mode: 'f16', subgroups: false }, ['f16'])).toBeNull();
  });
});

describe('threadCount', () => {
  it('is 1 without isolation, else the cores up to 4, else what was asked up to 8', () => {
    expect(threadCount(4, 16, false)).toBe(1);
    expect(threadCount(undefined, 2, true)).toBe(2);
    expect(threadCount(undefined, 16, true)).toBe(4);
    expect(threadCount(16, 16, true)).toBe(8);
    expect(threadCount(0, 16, true)).toBe(1);
  });
});
