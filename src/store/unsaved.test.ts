import { describe, expect, it } from 'vitest';
import type { Mask } from '../../workers/photo/blend.ts';
import { FULL, type PhotoResult } from './resultsSlice.ts';
import { sampleResult } from './sample.ts';
import { isUnsaved } from './unsaved.ts';

const result = (id: number): PhotoResult => ({
  ...{ id, task: 'noise', steps: 4, seed: 0, tried: {}, approximate: false, base: [] },
  result: sampleResult({ id }),
});
const one = result(1);
const two = result(2);
const half = { ...FULL, strength: 0.5 };
const mask = (): Mask => ({ width: 1, height: 1, data: new Uint8Array(1) });

describe('results would be lost', () => {
  it('never where there are none', () => {
    expect(isUnsaved([], null, FULL, [])).toBe(false);
    // The one that was saved was removed since.
    expect(isUnsaved([], null, FULL, [{ results: [one], current: 1, look: FULL }])).toBe(false);
  });

  it('until what is shown was saved', () => {
    expect(isUnsaved([one], 1, FULL, [])).toBe(true);
    expect(isUnsaved([one], 1, FULL, [{ results: [one], current: 1, look: FULL }])).toBe(false);
  });

  it('though the photo itself is shown beside them', () => {
    expect(isUnsaved([one], null, FULL, [])).toBe(true);
    expect(isUnsaved([one], null, FULL, [{ results: [one], current: 1, look: FULL }])).toBe(false);
  });

  it('once more where something was made since, be it a step kept in place of the last', () => {
    const saved = [{ results: [one], current: 1, look: FULL }];
    expect(isUnsaved([one, two], 2, FULL, saved)).toBe(true);
    expect(isUnsaved([one, two], 1, FULL, saved)).toBe(true);
    expect(isUnsaved([{ ...one, result: sampleResult({ id: 1 }) }], 1, FULL, saved)).toBe(true);
  });

  it('not where one of several was chosen and saved, but where another of them is shown after that', () => {
    const saved = [{ results: [one, two], current: 2, look: FULL }];
    expect(isUnsaved([one, two], 2, FULL, saved)).toBe(false);
    expect(isUnsaved([one, two], 1, FULL, saved)).toBe(true);
  });

  it('where strength or mask are not those that were saved, each time that it was', () => {
    const painted = { ...FULL, mask: mask() };
    const saved = [half, painted].map((look) => ({ results: [one], current: 1, look }));
    expect(isUnsaved([one], 1, FULL, saved)).toBe(true);
    expect(isUnsaved([one], 1, { ...FULL, mask: mask() }, saved)).toBe(true);
    expect(isUnsaved([one], 1, { ...half }, saved)).toBe(false);
    expect(isUnsaved([one], 1, { ...painted }, saved)).toBe(false);
  });
});
