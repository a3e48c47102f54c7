import { describe, expect, it } from 'vitest';
import { EngineError } from '../errors.ts';
import { wasmError } from './backend-wasm.ts';

describe('wasmError', () => {
  it.each([
    new RangeError('Array buffer allocation failed'),
    new Error('std::bad_alloc'),
    new Error('Failed to allocate memory for requested buffer of size 4096'),
  ])('takes "%s" for running out of memory', (cause) => {
    expect(wasmError(cause, 'enc.0')).toMatchObject({ code: 'out-of-memory', message: `enc.0: ${cause.message}` });
  });

  it('keeps an EngineError, and calls the rest internal', () => {
    const own = new EngineError('pack-damaged', 'x');
    expect(wasmError(own, 'enc.0')).toBe(own);
    expect(wasmError(new RangeError('Offset is out of bounds'), 'enc.0').code).toBe('internal');
  });
});
