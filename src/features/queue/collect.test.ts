import { expect, it } from 'vitest';
import { mayBePhoto } from './collect.ts';

it.each([
  ['a.jpg', 'image/jpeg', true],
  ['a.HEIC', '', true],
  ['raw.CR3', 'application/octet-stream', true],
  ['scan.tif', '', true],
  ['picture.svg', 'image/svg+xml', false],
  ['notes.txt', 'text/plain', false],
  ['.DS_Store', '', false],
  ['._a.jpg', 'image/jpeg', false],
])('%s of type "%s": %s', (name, type, expected) => expect(mayBePhoto({ name, type })).toBe(expected));
