import { describe, expect, it } from 'vitest';
import { EngineError } from './errors.ts';
import { outcome } from './outcome.ts';

describe('outcome', () => {
  it('hands on values', async () => {
    expect(await outcome(async () => 3)).toEqual({ ok: true, value: 3 });
  });

  it('turns an EngineError into its code, detail and values', async () => {
    const failed = await outcome(() => {
      throw new EngineError('too-many-pixels', 'big', { pixels: 9 });
    });
    expect(failed).toEqual({ ok: false, code: 'too-many-pixels', detail: 'big', values: { pixels: 9 } });
  });

  it('takes an array that can not be had for running out of memory, and anything else for internal', async () => {
    const tooLarge = await outcome(() => new ArrayBuffer(2 ** 52));
    expect(tooLarge).toMatchObject({ ok: false, code: 'out-of-memory' });
    const broken = await outcome(() => Promise.reject(new TypeError('x is undefined')));
    expect(broken).toMatchObject({ ok: false, code: 'internal', detail: 'TypeError: x is undefined' });
  });
});
