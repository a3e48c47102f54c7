import { describe, expect, it } from 'vitest';
import { connectorMask, connectorMean } from './conditioning.ts';
import { toyManifest } from './testing/toy-manifest.ts';
import { mergePadding, repeatsTextRows } from './text-rows.ts';

describe('mergePadding', () => {
  it('has one row for all padding, and none without padding', () => {
    expect(mergePadding(5, 2)).toEqual({ count: 3, index: Int32Array.of(0, 1, 2, 2, 2) });
    expect(mergePadding(5, 1)).toEqual({ count: 2, index: Int32Array.of(0, 1, 1, 1, 1) });
    expect(mergePadding(3, 2)).toEqual({ count: 3, index: Int32Array.of(0, 1, 2) });
    expect(mergePadding(3, 3)).toEqual({ count: 3, index: Int32Array.of(0, 1, 2) });
    expect(mergePadding(640, 348).count).toBe(349);
  });

  it('keeps what the connector lets the kept rows see', () => {
    // Rows of the padding see key 0 only, and no other row sees them; the mean leaves them out.
    const [whole, merged] = [connectorMask(6, 3), connectorMask(4, 3)];
    for (let query = 0; query < 4; query++) {
      expect(merged.subarray(4 * query, 4 * query + 4)).toEqual(whole.subarray(6 * query, 6 * query + 4));
    }
    expect([...connectorMean(4, 3)]).toEqual([...connectorMean(6, 3).subarray(0, 4)]);
  });
});

describe('repeatsTextRows', () => {
  it('is read from what the blocks ask for', () => {
    expect(repeatsTextRows(toyManifest())).toBe(false);
    expect(repeatsTextRows(toyManifest({ reference: { kind: 'tokens', axis0: 0 } }))).toBe(true);
  });
});
