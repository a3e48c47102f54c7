import { describe, expect, it } from 'vitest';
import { StepHistory } from './history.ts';
import { makeLatents } from './latents.ts';
import { ProgressMeter } from './progress.ts';

describe('ProgressMeter', () => {
  it('says nothing about time before it has measured, then what is left', () => {
    const meter = new ProgressMeter();
    meter.plan(new Map([['a', { count: 4, weight: 1 }]]));
    expect(meter.fraction()).toBe(0);
    expect(meter.millisecondsLeft()).toBeNull();
    meter.done('a', 100);
    expect(meter.fraction()).toBeCloseTo(0.25, 9);
    expect(meter.millisecondsLeft()).toBeCloseTo(300, 9);
  });

  it('keeps quiet while only a sliver of the work has been measured', () => {
    const meter = new ProgressMeter();
    const calls = { thumbnail: { count: 1, weight: 0.01 }, block: { count: 9, weight: 1 } };
    meter.plan(new Map(Object.entries(calls)));
    meter.done('thumbnail', 900);
    expect(meter.millisecondsLeft()).toBeNull();
    meter.done('block', 10);
    expect(meter.millisecondsLeft()).toBeCloseTo(80, 9);
  });

  it('forgets the first call of a kind once there is a second: it compiled shaders', () => {
    const meter = new ProgressMeter();
    meter.plan(new Map([['a', { count: 10, weight: 1 }]]));
    for (const time of [5000, 100, 110, 120]) meter.done('a', time);
    expect(meter.millisecondsLeft()).toBeCloseTo(6 * 110, 6);
  });

  it('takes unmeasured kinds by their weight', () => {
    const meter = new ProgressMeter();
    meter.plan(
      new Map([
        ['a', { count: 1, weight: 1 }],
        ['b', { count: 2, weight: 3 }],
      ]),
    );
    meter.done('a', 10);
    expect(meter.millisecondsLeft()).toBeCloseTo(60, 9);
    meter.done('b', 50);
    expect(meter.millisecondsLeft()).toBeCloseTo(50, 9);
  });

  it('never falls, whatever the times and however often the plan changes, and ends at 1', () => {
    const meter = new ProgressMeter();
    let before = 0;
    for (let round = 0; round < 4; round++) {
      meter.plan(
        new Map([
          [`x${round}`, { count: 5 * (round + 1), weight: 1 }],
          ['y', { count: 7, weight: 9 }],
        ]),
      );
      const last = round === 3;
      for (let i = 0; i < (last ? 20 : 4); i++) {
        meter.done(`x${round}`, 1 + ((i * 7919) % 300));
        expect(meter.fraction()).toBeGreaterThanOrEqual(before);
        before = meter.fraction();
        expect(before).toBeLessThan(1);
      }
      for (let i = 0; i < (last ? 7 : 2); i++) {
        meter.done('y', 900 - 100 * i);
        expect(meter.fraction()).toBeGreaterThanOrEqual(before);
        before = meter.fraction();
      }
    }
    expect(before).toBe(1);
    expect(meter.millisecondsLeft()).toBe(0);
  });
});

describe('StepHistory', () => {
  it('keeps every step of a small photo to 5e-4', () => {
    const history = new StepHistory(3, [2, 4, 4]);
    const latents = makeLatents(2, 4, 4);
    latents.data.forEach((_, i) => {
      latents.data[i] = Math.sin(i) * 3;
    });
    for (const step of [1, 2, 3]) history.keep(step, latents);
    expect(history.available()).toEqual([1, 2, 3]);
    history.crop(2, { x: 0, y: 0, width: 4, height: 4 })?.data.forEach((z, i) => {
      expect(Math.abs(z - (latents.data[i] ?? 0))).toBeLessThanOrEqual(5e-4 * Math.abs(z));
    });
    expect(history.crop(4, { x: 0, y: 0, width: 1, height: 1 })).toBeNull();
    const part = history.crop(1, { x: 1, y: 2, width: 2, height: 1 });
    [9, 10, 25, 26].forEach((at, i) => {
      expect(part?.data[i]).toBeCloseTo(latents.data[at] ?? 9, 2);
    });
  });

  it('keeps the last step and an even choice where room is short', () => {
    const bytes = 2 * 16 * 4 * 4;
    const history = new StepHistory(28, [16, 4, 4], 4 * bytes + 1);
    for (let step = 1; step <= 28; step++) history.keep(step, makeLatents(16, 4, 4));
    expect(history.available()).toEqual([7, 14, 21, 28]);
    const one = new StepHistory(4, [16, 4, 4], 1);
    for (let step = 1; step <= 4; step++) one.keep(step, makeLatents(16, 4, 4));
    expect(one.available()).toEqual([4]);
  });
});
