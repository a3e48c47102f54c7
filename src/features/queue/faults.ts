/** Which faults would hit every photo of a queue, so that going on to the next would burn through all of them. Pure. */
import type { AppErrorCode, Failure } from '../../bridge/outcome.ts';

const CODES: readonly AppErrorCode[] = [
  'engine-busy',
  'engine-taken',
  'device-lost',
  'needs-https',
  'no-engine',
  'no-canvas',
  'no-storage',
  'host-blocked',
  'storage-full',
  'folder-failed',
  'results-full',
];

export function hitsEveryPhoto({ code, values }: Pick<Failure, 'code' | 'values'>): boolean {
  // Without the photo's size in it, it is the browser that can't write the format.
  if (code === 'save-unsupported') return values.limit === undefined;
  return CODES.includes(code) || code.startsWith('pack-');
}
