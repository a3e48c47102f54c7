import type { StateCreator } from 'zustand';
import type { EngineChoice } from '../bridge/params.ts';
import type { AppState } from './index.ts';

export type Language = 'en' | 'zh';
export type Theme = 'system' | 'light' | 'dark';

/** What is kept between visits (never a photo). */
export interface Settings {
  language: Language | 'system';
  theme: Theme;
  engineChoice: EngineChoice;
  notify: boolean;
  /** Single-key shortcuts can get in the way of speech input, so they can be turned off. */
  singleKeys: boolean;
}

export const DEFAULT_SETTINGS: Settings = {
  language: 'system',
  theme: 'system',
  engineChoice: 'auto',
  notify: false,
  singleKeys: true,
};

export interface SettingsSlice {
  settings: Settings;
  setSettings: (settings: Partial<Settings>) => void;
}

export const settingsSlice: StateCreator<AppState, [], [], SettingsSlice> = (set) => ({
  settings: DEFAULT_SETTINGS,
  setSettings: (change) => set((state) => ({ settings: { ...state.settings, ...change } })),
});
