import 'i18next';
import type en from './en.json';

/** With this, a key that en.json lacks does not compile. */
declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'translation';
    resources: { translation: typeof en };
  }
}
