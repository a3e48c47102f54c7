/** What the worker tells of a photo and of a result, for tests. */
import type { PhotoInfo, RestoreResult } from '../../workers/protocol.ts';

export const sampleInfo: PhotoInfo = {
  id: 1,
  width: 8,
  height: 6,
  type: 'image/png',
  tiles: 1,
  bits: 8,
  grey: false,
  wide: false,
  lost: [],
  recipes: [],
};

export const sampleResult = (own: Partial<RestoreResult> = {}): RestoreResult => ({
  id: 2,
  width: sampleInfo.width,
  height: sampleInfo.height,
  milliseconds: { read: 0, conditioning: 0, encode: 0, denoise: 0, decode: 0, total: 1 },
  tiles: 1,
  steps: 4,
  keepable: [1, 2, 3, 4],
  longestCallMs: 0,
  memory: { gpuPeakBytes: 0, heapBytes: 0 },
  ...own,
});
