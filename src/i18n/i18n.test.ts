import { describe, expect, it } from 'vitest';
import { actions } from '../app/actions.ts';
import { PAGE_CODES } from '../bridge/outcome.ts';
import { TASK_ORDER } from '../features/tasks/taskMeta.ts';
import en from './en.json';
import { languageFor } from './index.ts';
import zh from './zh.json';

type Tree = { [key: string]: string | Tree };

function flat(tree: Tree, prefix = ''): Map<string, string> {
  const out = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') out.set(prefix + key, value);
    else for (const [inner, text] of flat(value, `${prefix}${key}.`)) out.set(inner, text);
  }
  return out;
}

const english = flat(en);
const chinese = flat(zh);
const holes = (text: string) => (text.match(/{{\w+}}/g) ?? []).sort();

const sources = import.meta.glob<string>(['../**/*.ts', '../**/*.tsx', '!../**/*.test.ts', '!../sw.ts'], {
  query: '?raw',
  import: 'default',
  eager: true,
});

/** Whole keys of calls to t, and the fixed beginnings of keys that code puts together. */
function usedKeys(): { whole: Set<string>; begun: Set<string> } {
  const whole = new Set<string>();
  const begun = new Set<string>();
  for (const text of Object.values(sources)) {
    for (const match of text.matchAll(/\bt\(\s*'([^']+)'/g)) whole.add(match[1] ?? '');
    for (const match of text.matchAll(/`([a-z]+(?:\.[\w-]+)*\.)\$\{/g)) begun.add(match[1] ?? '');
  }
  return { whole, begun };
}

describe('languages', () => {
  it('have the same keys, none empty', () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort());
    for (const text of [...english.values(), ...chinese.values()]) expect(text.trim()).not.toBe('');
  });

  it('fill the same holes in every sentence', () => {
    for (const [key, text] of english) expect([key, holes(chinese.get(key) ?? '')]).toEqual([key, holes(text)]);
  });

  it('hold every key that the code uses', () => {
    const { whole, begun } = usedKeys();
    expect(whole.size).toBeGreaterThan(40);
    const known = (key: string) => english.has(key) || english.has(`${key}_other`);
    expect([...whole].filter((key) => !known(key))).toEqual([]);
    const keys = [...english.keys()];
    expect([...begun].filter((prefix) => !keys.some((key) => key.startsWith(prefix)))).toEqual([]);
  });

  it('hold no key that nothing uses', () => {
    const { begun } = usedKeys();
    const quoted = new Set(Object.values(sources).flatMap((text) => text.match(/'[a-z]+(?:\.[\w-]+)+'/g) ?? []));
    const used = (key: string) =>
      quoted.has(`'${key.replace(/_(one|other)$/, '')}'`) || [...begun].some((prefix) => key.startsWith(prefix));
    expect([...english.keys()].filter((key) => !used(key))).toEqual([]);
  });

  it('name every action, task and error', () => {
    const wanted = [
      ...actions.map(({ id }) => `actions.${id}`),
      ...TASK_ORDER.flatMap((id) => [`tasks.${id}.name`, `tasks.${id}.hint`]),
      ...PAGE_CODES.flatMap((code) => [`errors.${code}.title`, `errors.${code}.text`]),
    ];
    expect(wanted.filter((key) => !english.has(key))).toEqual([]);
  });
});

describe('languageFor', () => {
  it.each([
    ['system', ['zh-TW', 'en'], 'zh'],
    ['system', ['de', 'en-GB', 'zh'], 'en'],
    ['system', ['fr'], 'en'],
    ['zh', ['en'], 'zh'],
  ] as const)('%s with %s', (setting, preferred, expected) => expect(languageFor(setting, preferred)).toBe(expected));
});
