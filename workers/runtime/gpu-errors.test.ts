import { describe, expect, it } from 'vitest';
import { EngineError } from '../errors.ts';
import { gpuError } from './gpu-errors.ts';

const gpu = (lost: string | null, outOfMemory = false, messages: string[] = []) => ({
  lost,
  takeErrors: () => ({ outOfMemory, messages }),
});

describe('gpuError', () => {
  it('puts a lost device before everything else', () => {
    expect(gpuError(new Error('[Invalid Buffer] is invalid'), gpu('destroyed: x'), 'run').code).toBe('device-lost');
  });

  it.each([
    '[Invalid Buffer (unlabeled)] is invalid due to a previous error.',
    'WebGPU validation failed. Buffer size (5368709120) exceeds the max buffer size limit',
    'std::bad_alloc',
  ])('takes "%s" for running out of memory', (message) => {
    expect(gpuError(new Error(message), gpu(null), 'run').code).toBe('out-of-memory');
  });

  it('takes an array that JavaScript can not have for running out of memory', () => {
    expect(gpuError(new RangeError('Array buffer allocation failed'), gpu(null), 'download').code).toBe(
      'out-of-memory',
    );
  });

  it('believes the device when ORT says something else', () => {
    expect(gpuError(new Error('failed to run'), gpu(null, true, ['no room']), 'run')).toMatchObject({
      code: 'out-of-memory',
      message: 'run: failed to run; no room',
    });
  });

  it('keeps an EngineError, and calls the rest internal', () => {
    const own = new EngineError('pack-damaged', 'x');
    expect(gpuError(own, gpu(null), 'run')).toBe(own);
    expect(gpuError(new Error('Kernel not found'), gpu(null), 'double.0')).toMatchObject({
      code: 'internal',
      message: 'double.0: Kernel not found',
    });
  });
});
