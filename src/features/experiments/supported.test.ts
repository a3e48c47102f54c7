import { describe, expect, it } from 'vitest';
import { supported } from './supported.ts';

const all = {
  referenceId: 1,
  guidanceScale: 1,
  posterior: 'sample',
  seen: 'grey',
  promptLanguage: 'zh',
  prompt: 'Make it snow',
} as const;

describe('supported', () => {
  it('keeps what the pack can do', () => {
    expect(supported(all, { referenceId: 0, guidance: true, posterior: true, seen: true, prompt: true })).toEqual(all);
    expect(supported(all, { guidance: true })).toEqual({ guidanceScale: 1 });
    expect(supported(all, {})).toEqual({});
  });

  it('leaves an empty prompt out', () => {
    expect(supported({ prompt: '  ' }, { seen: true, prompt: true })).toEqual({});
  });
});
