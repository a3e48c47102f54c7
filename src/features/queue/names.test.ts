import { describe, expect, it } from 'vitest';
import { DEFAULT_TEMPLATE, freeName, nameFor } from './names.ts';

const parts = { file: 'Holiday.2.JPG', task: 'haze', number: 7, date: new Date(2026, 10, 26), ending: 'png' };

describe('nameFor', () => {
  it.each([
    [DEFAULT_TEMPLATE, 'Holiday.2-restored.png'],
    ['{date} {n} {task} {name}', '2026-11-26 007 haze Holiday.2.png'],
    ['{unknown}{name}', '{unknown}Holiday.2.png'],
    ['../../{name}', '_.._Holiday.2.png'],
    ['a/b:c*?"<>|\n', 'a_b_c_______.png'],
    ['   ', 'photo.png'],
    ['con', 'con_.png'],
  ])('%s', (template, name) => expect(nameFor(template, parts)).toBe(name));

  it('cuts long names between characters', () => {
    const name = nameFor('{name}', { ...parts, file: `${'😀'.repeat(300)}.png` });
    expect(name).toBe(`${'😀'.repeat(120)}.png`);
  });
});

describe('freeName', () => {
  it('counts up until nothing is overwritten', async () => {
    const taken = new Set(['a.png', 'a (2).png']);
    expect(await freeName('a.png', (name) => taken.has(name))).toBe('a (3).png');
    expect(await freeName('b.png', (name) => taken.has(name))).toBe('b.png');
  });
});
