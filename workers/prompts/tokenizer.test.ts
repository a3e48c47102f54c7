/** The library against the token ids of realrestorer.md A.2, with the part of Qwen2's vocabulary that these words need. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { PROMPTS } from '../../tools/pack/prompts.ts';
import { PROMPT_IDS } from '../../tools/pack/qwen-ids.ts';
import { sampleManifest } from '../packs/manifest.sample.ts';
import { TASK_IDS } from '../packs/manifest.ts';
import { ownPromptIds } from '../pipeline/qwen/own-prompt.ts';
import { readTokenizer, tokenizePrompt } from './tokenizer.ts';

const bytes = await readFile(new URL('../../tools/pack/fixtures/qwen/tokenizer.json', import.meta.url));

describe('readTokenizer', () => {
  it('gives the published ids of all prompts', async () => {
    const encode = await readTokenizer('tokenizer.json', bytes);
    for (const task of TASK_IDS) {
      for (const language of ['en', 'zh'] as const) {
        expect(encode(PROMPTS[task][language]), `${task} ${language}`).toEqual(PROMPT_IDS[task][language]);
        expect(ownPromptIds(PROMPTS[task][language], encode)).toEqual(PROMPT_IDS[task][language]);
      }
    }
  });

  it('refuses what is no tokenizer', async () => {
    for (const text of ['{', '[]', '{"model":{"type":"BPE"}}']) {
      await expect(readTokenizer('tokenizer.json', new TextEncoder().encode(text))).rejects.toMatchObject({
        code: 'pack-damaged',
      });
    }
  });
});

describe('ownPromptIds', () => {
  it('spells out what stands in quotes, whichever quotes they are', async () => {
    const encode = await readTokenizer('tokenizer.json', bytes);
    // `Write "`, H, e, l, l, o, `" and make it snow.`
    const expected = [7985, 330, 39, 68, 75, 75, 78, 1, 323, 1281, 432, 11794, 13];
    for (const [open, close] of ['""', '“”', "''"].map((pair) => [...pair])) {
      expect(ownPromptIds(`Write ${open}Hello${close} and make it snow.`, encode)).toEqual(expected);
    }
  });

  it('leaves a quote without a partner alone, and drops tokens that the reference masks', () => {
    const calls: string[] = [];
    const encode = (text: string) => {
      calls.push(text);
      return [...text].map((character) => (character === '!' ? 0 : (character.codePointAt(0) ?? 0)));
    };
    expect(ownPromptIds("a'b!", encode)).toEqual([97, 34, 98]);
    expect(calls).toEqual(['a"b!']);
  });
});

describe('tokenizePrompt', () => {
  it('says so for a pack that takes no prompts', async () => {
    await expect(tokenizePrompt(sampleManifest(), 'hello', async () => bytes)).rejects.toThrow(
      /prompts of its tasks only/,
    );
  });
});
