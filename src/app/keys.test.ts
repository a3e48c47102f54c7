import { describe, expect, it } from 'vitest';
import { actions } from './actions.ts';
import { keyCaps, matchesKey, meansKey, type Where } from './keys.ts';

const press = (key: string, ...held: ('ctrlKey' | 'metaKey' | 'shiftKey')[]) => ({
  key,
  ctrlKey: held.includes('ctrlKey'),
  metaKey: held.includes('metaKey'),
  shiftKey: held.includes('shiftKey'),
  altKey: false,
});
const onPage: Where = { mac: false, typed: false, singleKeys: true };
const inField: Where = { ...onPage, typed: true };
const meant = (event: ReturnType<typeof press>, where: Where) =>
  actions.filter((one) => one.keys.some((key) => meansKey(event, key, where))).map(({ id }) => id);

describe('Shift', () => {
  it('tells redo from undo, whatever the case of the letter', () => {
    for (const key of ['z', 'Z']) {
      expect(meant(press(key, 'ctrlKey'), onPage)).toEqual(['undo']);
      expect(meant(press(key, 'ctrlKey', 'shiftKey'), onPage)).toEqual(['redo']);
      expect(meant(press(key, 'metaKey', 'shiftKey'), { ...onPage, mac: true })).toEqual(['redo']);
    }
    expect(meant(press('y', 'ctrlKey'), onPage)).toEqual(['redo']);
    expect(keyCaps('Mod+Shift+Z', true)).toEqual(['⌘', 'Shift', 'Z']);
  });

  it('is a part of other characters, and of letters without Mod', () => {
    expect(matchesKey(press(',', 'ctrlKey', 'shiftKey'), 'Mod+,', false)).toBe(true);
    expect(matchesKey(press('O', 'shiftKey'), 'o', false)).toBe(true);
  });
});

describe('a text field', () => {
  it('keeps what edits it', () => {
    const edits = [press('Backspace', 'ctrlKey'), press('Backspace', 'ctrlKey', 'shiftKey'), press('y', 'ctrlKey')];
    for (const event of [...edits, press('z', 'ctrlKey'), press('Z', 'ctrlKey', 'shiftKey')]) {
      expect(meant(event, inField)).toEqual([]);
    }
    for (const key of ['Backspace', 'z', 'y'])
      expect(meant(press(key, 'metaKey'), { ...inField, mac: true })).toEqual([]);
    expect(meant(press('Backspace', 'ctrlKey'), onPage)).toEqual(['close']);
  });

  it('keeps what is typed, and leaves the rest to the app', () => {
    for (const event of [press('o'), press('?', 'shiftKey'), press(' '), press('ArrowLeft', 'shiftKey')]) {
      expect(meant(event, inField)).toEqual([]);
    }
    expect(meant(press('s', 'ctrlKey'), inField)).toEqual(['save']);
    expect(meant(press('Enter', 'ctrlKey'), inField)).toEqual(['restore']);
    expect(meant(press('Escape'), inField)).toEqual(['cancel']);
  });
});

it('with single keys off those with Mod, and those that are no character, still work', () => {
  const where = { ...onPage, singleKeys: false };
  for (const key of ['o', 'h', '?', '+', ' ']) expect(meant(press(key), where)).toEqual([]);
  expect(meant(press('s', 'ctrlKey'), where)).toEqual(['save']);
  expect(meant(press('z', 'ctrlKey'), where)).toEqual(['undo']);
  expect(meant(press(',', 'ctrlKey'), where)).toEqual(['settings']);
  expect(meant(press('Escape'), where)).toEqual(['cancel']);
  expect(meant(press('ArrowLeft', 'shiftKey'), where)).toEqual(['panLeft']);
});
