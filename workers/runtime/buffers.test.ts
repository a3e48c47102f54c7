import { beforeAll, describe, expect, it } from 'vitest';
import { BufferPool } from './buffers.ts';

/** Node has no GPU: buffers here are sizes with a flag, which is all that the pool looks at. */
interface FakeBuffer {
  size: number;
  destroyed: boolean;
  destroy(): void;
}

function makePool(keptBytes?: number) {
  const made: FakeBuffer[] = [];
  const device = {
    limits: { maxBufferSize: 4096, maxStorageBufferBindingSize: 1024 },
    createBuffer({ size }: { size: number }) {
      const buffer: FakeBuffer = {
        size,
        destroyed: false,
        destroy() {
          this.destroyed = true;
        },
      };
      made.push(buffer);
      return buffer;
    },
  };
  return { pool: new BufferPool(device as unknown as GPUDevice, keptBytes), made };
}

beforeAll(() => {
  Object.assign(globalThis, { GPUBufferUsage: { STORAGE: 128, COPY_SRC: 4, COPY_DST: 8 } });
});

describe('BufferPool', () => {
  it('rounds up to 16 and gives a freed buffer of the same size out again', () => {
    const { pool, made } = makePool();
    const first = pool.acquire(33);
    expect(first.size).toBe(48);
    pool.release(first);
    expect(pool.acquire(40)).toBe(first);
    expect(pool.acquire(40)).not.toBe(first);
    expect(made).toHaveLength(2);
  });

  it('refuses what the device can not bind', () => {
    const { pool } = makePool();
    expect(() => pool.acquire(1025)).toThrow(expect.objectContaining({ code: 'out-of-memory' }));
  });

  it('keeps a limited number of free bytes and drains to none', () => {
    const { pool, made } = makePool(100);
    for (const buffer of [pool.acquire(48), pool.acquire(64), pool.acquire(16)]) pool.release(buffer);
    expect(made.map((buffer) => buffer.destroyed)).toEqual([true, false, false]);
    pool.drain();
    expect(made.every((buffer) => buffer.destroyed)).toBe(true);
  });

  it('never gives out again what was in use when it was forsaken', () => {
    const { pool, made } = makePool();
    const doubtful = pool.acquire(16);
    pool.forsake();
    pool.release(doubtful);
    expect(made[0]?.destroyed).toBe(true);
    expect(pool.acquire(16)).not.toBe(doubtful);
  });
});
