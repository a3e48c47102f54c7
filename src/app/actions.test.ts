import { describe, expect, it } from 'vitest';
import { useApp } from '../store/index.ts';
import { action, actions } from './actions.ts';
import { isSingleKey, keyCaps, matchesKey } from './keys.ts';

const press = (key: string, held: Partial<Record<'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey', boolean>> = {}) => ({
  key,
  ctrlKey: false,
  metaKey: false,
  shiftKey: false,
  altKey: false,
  ...held,
});

describe('actions', () => {
  it('have ids and keys of their own', () => {
    const ids = actions.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const keys = actions.flatMap((one) => one.keys.map((key) => key.toLowerCase()));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('can all be found by id', () => {
    for (const one of actions) expect(action(one.id).keys).toEqual(one.keys);
  });

  it('without a photo offer what makes sense', () => {
    const on = actions.filter((one) => one.enabled(useApp.getState())).map(({ id }) => id);
    expect(on.sort()).toEqual(['camera', 'device', 'help', 'open', 'packs', 'queue', 'settings']);
  });

  it('give cancel Escape and nothing but cancel', () => {
    expect(actions.filter((one) => one.keys.includes('Escape')).map(({ id }) => id)).toEqual(['cancel']);
  });
});

describe('matchesKey', () => {
  it('takes Ctrl, or Cmd on a Mac, for Mod', () => {
    expect(matchesKey(press('s', { ctrlKey: true }), 'Mod+S', false)).toBe(true);
    expect(matchesKey(press('s', { metaKey: true }), 'Mod+S', true)).toBe(true);
    expect(matchesKey(press('s', { ctrlKey: true }), 'Mod+S', true)).toBe(false);
    expect(matchesKey(press('s'), 'Mod+S', false)).toBe(false);
    expect(matchesKey(press('o', { ctrlKey: true }), 'o', false)).toBe(false);
  });

  it('takes a character however it is typed, and Shift where it is named', () => {
    expect(matchesKey(press('?', { shiftKey: true }), '?', false)).toBe(true);
    expect(matchesKey(press('+', { shiftKey: true }), '+', false)).toBe(true);
    expect(matchesKey(press('ArrowLeft', { shiftKey: true }), 'Shift+ArrowLeft', false)).toBe(true);
    expect(matchesKey(press('ArrowLeft'), 'Shift+ArrowLeft', false)).toBe(false);
    expect(matchesKey(press('o', { altKey: true }), 'o', false)).toBe(false);
  });
});

it('keys are shown as on a keyboard', () => {
  expect(keyCaps('Mod+S', false)).toEqual(['Ctrl', 'S']);
  expect(keyCaps('Mod+S', true)).toEqual(['⌘', 'S']);
  expect(keyCaps('+', false)).toEqual(['+']);
  expect(keyCaps('Shift+ArrowLeft', false)).toEqual(['Shift', '←']);
  expect(isSingleKey('o')).toBe(true);
  expect(isSingleKey('Mod+O')).toBe(false);
  expect(isSingleKey('Escape')).toBe(false);
});
