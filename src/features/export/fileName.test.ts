import { expect, it } from 'vitest';
import { restoredName } from './fileName.ts';

it.each([
  ['holiday.heic', 'jpeg', 'holiday-restored.jpg'],
  ['a.b.c.PNG', 'webp', 'a.b.c-restored.webp'],
  ['.hidden', 'png', '.hidden-restored.png'],
  ['', 'png', 'photo-restored.png'],
  ['照片.jpg', 'png', '照片-restored.png'],
] as const)('%s as %s', (name, format, expected) => expect(restoredName(name, format)).toBe(expected));
