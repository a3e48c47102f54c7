import { expect, it } from 'vitest';
import { hitsEveryPhoto } from './faults.ts';

it.each([
  ['engine-taken', {}, true],
  ['device-lost', {}, true],
  ['device-lost', { replaceWorker: 1 }, true],
  ['no-canvas', {}, true],
  ['folder-failed', {}, true],
  ['results-full', {}, true],
  ['pack-unreachable', { host: 'a' }, true],
  ['save-unsupported', { format: 'WebP' }, true],
  ['save-unsupported', { format: 'WebP', limit: 16383 }, false],
  ['corrupt-image', {}, false],
  ['out-of-memory', {}, false],
  ['engine-hung', {}, false],
  ['cancelled', {}, false],
] as const)('%s %o: %s', (code, values, expected) => expect(hitsEveryPhoto({ code, values })).toBe(expected));
