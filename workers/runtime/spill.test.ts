import { describe, expect, it } from 'vitest';
import { memoryThere } from './spill.ts';

const CHUNK = 10;

/** A card with so much memory: beyond it everything is as slow as the host. */
function card(room: number, slow = 0.1, none = Number.POSITIVE_INFINITY) {
  const asked: number[] = [];
  const rate = async (bytes: number) => {
    asked.push(bytes);
    if (bytes > none) return null;
    return bytes <= room ? 100 : 100 * slow;
  };
  return { asked, rate };
}

describe('memoryThere', () => {
  it('takes all where copying stays quick, and does not look for a little', async () => {
    const { asked, rate } = card(1000);
    expect(await memoryThere(800, rate, CHUNK)).toBe(800);
    expect(Math.max(...asked)).toBe(800);
    const little = card(0);
    expect(await memoryThere(19, little.rate, CHUNK)).toBe(19);
    expect(little.asked).toEqual([]);
  });

  it('halves until nothing has spilled: a drop over half of the rate is spilled, less is not', async () => {
    expect(await memoryThere(800, card(300).rate, CHUNK)).toBe(200);
    expect(await memoryThere(800, card(300, 0.49).rate, CHUNK)).toBe(200);
    expect(await memoryThere(800, card(300, 0.51).rate, CHUNK)).toBe(800);
  });

  it('takes memory that is refused for memory that is not there', async () => {
    expect(await memoryThere(800, card(1000, 1, 500).rate, CHUNK)).toBe(400);
    // Down to next to nothing.
    expect(await memoryThere(800, card(25, 0.1).rate, CHUNK)).toBe(25);
    expect(await memoryThere(800, card(21, 0.1, 20).rate, CHUNK)).toBe(CHUNK);
  });

  it('is not misled by one slow copy', async () => {
    let calls = 0;
    const rate = async () => (++calls === 4 ? 1 : 100);
    expect(await memoryThere(800, rate, CHUNK)).toBe(800);
  });
});
