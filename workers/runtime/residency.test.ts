import { describe, expect, it } from 'vitest';
import { Residency } from './residency.ts';

function make(freed: string[]) {
  const loads: string[] = [];
  const residency = new Residency(100);
  const use = (id: string, bytes: number) =>
    residency.use(id, bytes, async () => {
      loads.push(id);
      return { bytes, dispose: () => freed.push(id) };
    });
  return { residency, loads, use };
}

describe('Residency', () => {
  it('loads once while it fits', async () => {
    const { loads, use, residency } = make([]);
    for (const id of ['a', 'b', 'a', 'b']) await use(id, 50);
    expect(loads).toEqual(['a', 'b']);
    expect(residency.bytes).toBe(100);
  });

  it('drops the longest unused and loads it again when asked', async () => {
    const freed: string[] = [];
    const { loads, use, residency } = make(freed);
    await use('a', 40);
    await use('b', 40);
    await use('a', 40);
    await use('c', 40);
    expect(freed).toEqual(['b']);
    await use('b', 40);
    expect(loads).toEqual(['a', 'b', 'c', 'b']);
    expect(residency.ids).toEqual(['c', 'b']);
    expect(residency.bytes).toBe(80);
  });

  it('lets go of what nobody needs any more', async () => {
    const freed: string[] = [];
    const { loads, use, residency } = make(freed);
    await use('a', 40);
    await use('b', 40);
    residency.drop('a');
    residency.drop('a');
    residency.drop('unknown');
    expect([freed, residency.ids, residency.bytes]).toEqual([['a'], ['b'], 40]);
    await use('c', 60);
    await use('a', 40);
    expect(loads).toEqual(['a', 'b', 'c', 'a']);
  });

  it('holds one instance even over the budget, and lets everything go', async () => {
    const freed: string[] = [];
    const { use, residency } = make(freed);
    await use('a', 60);
    await use('big', 300);
    expect(residency.ids).toEqual(['big']);
    residency.shrinkTo(0);
    expect(freed).toEqual(['a', 'big']);
    expect(residency.bytes).toBe(0);
  });
});
