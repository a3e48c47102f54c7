import { describe, expect, it } from 'vitest';
import { Mutex } from './mutex.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('Mutex', () => {
  it('runs one task at a time, in the order of asking', async () => {
    const mutex = new Mutex();
    const order: number[] = [];
    let inside = 0;
    let most = 0;
    await Promise.all(
      [8, 1, 4, 0].map((ms, index) =>
        mutex.run(async () => {
          inside++;
          most = Math.max(most, inside);
          await pause(ms);
          order.push(index);
          inside--;
        }),
      ),
    );
    expect(most).toBe(1);
    expect(order).toEqual([0, 1, 2, 3]);
  });

  it('hands on results and failures, and goes on after a failure', async () => {
    const mutex = new Mutex();
    const failing = mutex.run(() => Promise.reject(new Error('no')));
    const next = mutex.run(() => 7);
    await expect(failing).rejects.toThrow('no');
    await expect(next).resolves.toBe(7);
  });
});
