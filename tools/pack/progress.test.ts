import { expect, it } from 'vitest';
import { duration, Progress } from './progress.ts';

it('tells speed and time left, and lets a stall raise the time slowly', () => {
  const lines: string[] = [];
  const progress = new Progress(1000e6, 0, (line) => lines.push(line));
  let now = 100;
  for (; now < 130; now++) progress.add(5e6, now);
  expect(Math.abs((progress.left(now) ?? 0) - 170)).toBeLessThan(10);
  const before = progress.left(now) ?? 0;
  // A minute without anything, looked at every second.
  let most = 0;
  for (let i = 0; i < 60; i++) most = Math.max(most, progress.left(++now) ?? 0);
  expect(most).toBeGreaterThan(before);
  expect(most).toBeLessThan(before + 3 * 60 + 1);
  progress.add(5e6, now);
  expect(lines[0]).toBe('3.0 %, 0.03 of 1.00 GB, 5 MB/s');
  expect(lines.at(2)).toMatch(/^8\.0 %, 0\.08 of 1\.00 GB, 5 MB\/s, 3 min left$/);
});

it('says nothing about the time at first, and starts from what an earlier run did', () => {
  const lines: string[] = [];
  const progress = new Progress(100e6, 60e6, (line) => lines.push(line));
  for (let now = 0; now <= 20; now++) progress.add(1e6, now);
  expect(lines[0]).toBe('66.0 %, 0.07 of 0.10 GB, 1 MB/s');
  expect(lines.at(-1)).toMatch(/^81\.0 %.* 19 s left$/);
});

it.each([
  [0.2, '1 s'],
  [59, '59 s'],
  [61, '1 min'],
  [3600, '1 h 0 min'],
  [7560, '2 h 6 min'],
])('%d seconds are %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});
