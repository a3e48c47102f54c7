import { describe, expect, it } from 'vitest';
import type { Progress } from '../../../workers/protocol.ts';
import { duration, monotone, timeLeft } from './progress.ts';

const at = (fraction: number, more: Partial<Progress> = {}): Progress => ({
  stage: 'denoise',
  step: 1,
  steps: 4,
  tile: 1,
  tiles: 2,
  fraction,
  secondsLeft: null,
  ...more,
});

describe('monotone', () => {
  it('never falls and stays in 0 to 1 for any order of events', () => {
    const said = [0.1, 0.05, 0.4, 0.39, Number.NaN, -3, 0.6, 7, 0.2];
    let shown: Progress | null = null;
    let last = 0;
    for (const fraction of said) {
      shown = monotone(shown, at(fraction));
      expect(shown.fraction).toBeGreaterThanOrEqual(last);
      expect(shown.fraction).toBeLessThanOrEqual(1);
      last = shown.fraction;
    }
    expect(last).toBe(1);
  });

  it('keeps the step shown while a job that began again catches up', () => {
    const shown = monotone(at(0.5, { step: 3 }), at(0.1, { step: 1 }));
    expect(shown.step).toBe(3);
    expect(monotone(shown, at(0.6, { step: 4 })).step).toBe(4);
  });

  it('smooths the time left and keeps the last one where none is given', () => {
    const shown = monotone(at(0.1, { secondsLeft: 10 }), at(0.2, { secondsLeft: 20 }));
    expect(shown.secondsLeft).toBeCloseTo(14, 9);
    expect(monotone(shown, at(0.3)).secondsLeft).toBeCloseTo(14, 9);
  });
});

describe('timeLeft', () => {
  it.each([
    [null, null],
    [-1, null],
    [0.4, { unit: 'soon' }],
    [7.4, { unit: 'seconds', count: 7 }],
    [41, { unit: 'seconds', count: 45 }],
    [91, { unit: 'minutes', count: 2 }],
    [181, { unit: 'minutes', count: 4 }],
  ])('%s s', (seconds, shown) => expect(timeLeft(seconds)).toEqual(shown));
});

describe('duration', () => {
  it('takes the unit that people would use', () => {
    expect(duration(0.2)).toEqual({ unit: 'seconds', count: 1 });
    expect(duration(89.6)).toEqual({ unit: 'seconds', count: 90 });
    expect(duration(100)).toEqual({ unit: 'minutes', count: 2 });
    expect(duration(89 * 60)).toEqual({ unit: 'minutes', count: 89 });
    expect(duration(6 * 3600 + 100)).toEqual({ unit: 'hours', count: 6 });
  });
});
