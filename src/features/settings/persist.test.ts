import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../../store/settingsSlice.ts';
import { readSettings } from './persist.ts';

describe('readSettings', () => {
  it('gives back what was stored', () => {
    const stored = {
      language: 'zh',
      theme: 'dark',
      engineChoice: 'wasm',
      pack: { name: 'big', version: '2' },
      gpuGigabytes: '8',
      notify: true,
      privacy: 'no-place',
      singleKeys: false,
    };
    expect(readSettings(stored)).toEqual(stored);
  });

  it('replaces what it does not know, field by field', () => {
    const stored = { language: 'tlh', theme: 'dark', engineChoice: 7, pack: { name: 3 }, notify: 'yes', extra: 1 };
    expect(readSettings(stored)).toEqual({ ...DEFAULT_SETTINGS, theme: 'dark' });
    for (const junk of [null, undefined, 3, 'x', []]) expect(readSettings(junk)).toEqual(DEFAULT_SETTINGS);
  });
});
