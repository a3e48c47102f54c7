import { describe, expect, it } from 'vitest';
import { EngineError } from './errors.ts';
import { isOutOfMemory } from './out-of-memory.ts';

/** What `make` throws. */
function thrownBy(make: () => unknown): unknown {
  try {
    make();
  } catch (cause) {
    return cause;
  }
  throw new Error('nothing was thrown');
}

describe('isOutOfMemory', () => {
  it('knows what this engine throws for arrays that can not be had', () => {
    expect(isOutOfMemory(thrownBy(() => new ArrayBuffer(2 ** 52)))).toBe(true);
    expect(isOutOfMemory(thrownBy(() => new Float32Array(2 ** 52)))).toBe(true);
  });

  it.each([
    ['V8', new RangeError('Array buffer allocation failed')],
    ['Safari', new RangeError('Out of memory')],
    ['Firefox', 'out of memory'],
    ['Firefox, sizes', new Error('allocation size overflow')],
    ['WebAssembly', new RangeError('WebAssembly.instantiate(): Out of memory: Cannot allocate Wasm memory')],
    ['C++', new Error('std::bad_alloc')],
    ['ORT', new Error('Failed to allocate memory for requested buffer of size 4096')],
    ['the app', new EngineError('out-of-memory', 'a buffer of 9 bytes')],
    ['the app, not sure', new EngineError('internal', 'single.0: out of memory')],
  ])('knows it from %s', (_, cause) => expect(isOutOfMemory(cause)).toBe(true));

  it.each([
    ['another range', new RangeError('tile 3 came instead of 2')],
    ['offsets', new RangeError('Offset is outside the bounds of the DataView')],
    ['an error that is no range error', new TypeError('array length is not a function')],
    ['the app, sure of something else', new EngineError('pack-damaged', 'failed to allocate')],
    ['nothing', undefined],
  ])('does not take %s for it', (_, cause) => expect(isOutOfMemory(cause)).toBe(false));
});
