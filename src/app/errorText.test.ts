import i18next from 'i18next';
import { describe, expect, it } from 'vitest';
import en from '../i18n/en.json';
import zh from '../i18n/zh.json';
import { errorText } from './errorText.ts';

describe('a format that can not hold the photo', () => {
  it.each(['en', 'zh'] as const)('is named with its limit and with what to do, in %s', async (lng) => {
    const i18n = i18next.createInstance();
    await i18n.init({
      lng,
      resources: { en: { translation: en }, zh: { translation: zh } },
      interpolation: { escapeValue: false },
    });
    const values = { format: 'JPEG', limit: 65_500, width: 1080, height: 70_000 };
    const { title, text } = errorText({ code: 'save-unsupported', detail: '', values }, i18n.t, lng);
    expect(title).not.toContain('errors.');
    for (const said of ['JPEG', '65500', '1080 × 70000', 'PNG']) expect(text).toContain(said);
    const unwritten = errorText({ code: 'save-unsupported', detail: '', values: { format: 'WebP' } }, i18n.t, lng).text;
    for (const said of ['WebP', 'PNG']) expect(unwritten).toContain(said);
    expect(title + text + unwritten).not.toContain('{{');
  });
});
