import { expect, it } from 'vitest';
import { bytesText } from './amounts.ts';

it.each([
  [0, '0 kB'],
  [1_593, '2 kB'],
  [99_999, '0.1 MB'],
  [8_643_210, '8.6 MB'],
  [999_400_000, '999 MB'],
  [999_600_000, '1 GB'],
  [7_210_000_000, '7.2 GB'],
])('%i bytes are %s', (bytes, text) => expect(bytesText(bytes, 'en-GB')).toBe(text));
