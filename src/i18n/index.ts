import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import type { Language, Settings } from '../store/settingsSlice.ts';
import en from './en.json';
import zh from './zh.json';

/** The first of the person's languages that the app speaks. */
export function languageFor(setting: Settings['language'], preferred: readonly string[]): Language {
  if (setting !== 'system') return setting;
  for (const tag of preferred) {
    if (/^zh\b/i.test(tag)) return 'zh';
    if (/^en\b/i.test(tag)) return 'en';
  }
  return 'en';
}

export async function startI18n(language: Language): Promise<void> {
  await i18next.use(initReactI18next).init({
    resources: { en: { translation: en }, zh: { translation: zh } },
    lng: language,
    fallbackLng: 'en',
    // React escapes what it renders.
    interpolation: { escapeValue: false },
  });
  speak(language);
}

export function speak(language: Language): void {
  void i18next.changeLanguage(language);
  document.documentElement.lang = language === 'zh' ? 'zh-Hans' : 'en';
  document.title = i18next.t('app.name');
}

/** For code outside components. */
export const t = i18next.t.bind(i18next);
