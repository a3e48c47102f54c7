import type { StateCreator } from 'zustand';
import type { StoredId } from '../../workers/packs/protocol.ts';
import type { Privacy } from '../../workers/photo/meta/metadata.ts';
import type { EngineChoice } from '../bridge/params.ts';
import type { AppState } from './index.ts';

export type Language = 'en' | 'zh';
export type Theme = 'system' | 'light' | 'dark';

export const GPU_GIGABYTES = ['1', '2', '3', '4', '6', '8', '12', '16', '24'] as const;

/** What is kept between visits (never a photo). */
export interface Settings {
  language: Language | 'system';
  theme: Theme;
  engineChoice: EngineChoice;
  /** The stored pack that restores; null for the one that comes with the app. */
  pack: StoredId | null;
  /** GPU memory that the engine may take, in GB. */
  gpuGigabytes: (typeof GPU_GIGABYTES)[number];
  notify: boolean;
  /** What of a photo's metadata goes into saved files. */
  privacy: Privacy;
  /** Single-key shortcuts can get in the way of speech input, so they can be turned off. */
  singleKeys: boolean;
}

export const DEFAULT_SETTINGS: Settings = {
  language: 'system',
  theme: 'system',
  engineChoice: 'auto',
  pack: null,
  gpuGigabytes: '3',
  notify: false,
  privacy: 'keep',
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
