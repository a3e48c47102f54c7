import { describe, expect, it } from 'vitest';
import { type BlockWeights, planWeights } from './weight-plan.ts';

/** RealRestorer's blocks: 19 double of 127 MB, 37 single of 64 MB, and the last single. */
const blocks: BlockWeights[] = [
  ...Array.from({ length: 19 }, (_, i) => ({ id: `double.${i}`, graph: 'double', bytes: 127e6 })),
  ...Array.from({ length: 37 }, (_, i) => ({ id: `single.${i}`, graph: 'single', bytes: 64e6 })),
  { id: 'single.37', graph: 'last', bytes: 64e6 },
];
const total = 19 * 127e6 + 38 * 64e6;
const all = (plan: ReturnType<typeof planWeights>) => plan.residentBytes + plan.slotBytes + plan.stagingBytes;

describe('planWeights', () => {
  it('keeps everything where it fits, with no slots', () => {
    const plan = planWeights(blocks, total);
    expect(plan.streamed.size).toBe(0);
    expect([plan.resident.size, all(plan)]).toEqual([57, total]);
  });

  it.each([1e9, 2e9, 3e9, 4e9, total - 1])('holds to a budget of %d bytes', (budget) => {
    const plan = planWeights(blocks, budget);
    expect(all(plan)).toBeLessThanOrEqual(budget);
    // What is left over would not hold two more blocks.
    expect(budget - all(plan)).toBeLessThan(2 * 127e6);
    expect(plan.resident.size + plan.streamed.size).toBe(57);
    expect(plan.resident.has('single.37')).toBe(true);
    expect(plan.slotBytes).toBe(2 * (127e6 + 64e6));
    expect(plan.stagingBytes).toBe(2 * 127e6);
  });

  it('spreads what stays evenly, so that no long run of blocks waits for its weights', () => {
    const plan = planWeights(blocks, 3e9);
    const share = plan.resident.size / blocks.length;
    let run = 0;
    let longest = 0;
    for (const { id } of blocks) {
      run = plan.resident.has(id) ? 0 : run + 1;
      longest = Math.max(longest, run);
    }
    expect(longest).toBeLessThanOrEqual(Math.ceil(1 / share) + 1);
  });

  it('streams everything where not even the slots fit', () => {
    const plan = planWeights(blocks, 1);
    expect(plan.resident.size).toBe(0);
    expect(plan.slotBytes).toBe(2 * (127e6 + 64e6 + 64e6));
  });

  it('has nothing to do for a pack without blocks', () => {
    expect(all(planWeights([], 0))).toBe(0);
  });
});
