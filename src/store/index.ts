/** One store, one slice a concern. Pixels stay out of it, except the bitmaps that the screen shows. */
import { create } from 'zustand';
import { type ChoiceSlice, choiceSlice } from './choiceSlice.ts';
import { type EngineSlice, engineSlice } from './engineSlice.ts';
import { type JobSlice, jobSlice } from './jobSlice.ts';
import { type PacksSlice, packsSlice } from './packsSlice.ts';
import { type PhotoSlice, photoSlice } from './photoSlice.ts';
import { type QueueSlice, queueSlice } from './queueSlice.ts';
import { type ResultsSlice, resultsSlice } from './resultsSlice.ts';
import { type SettingsSlice, settingsSlice } from './settingsSlice.ts';
import { type UiSlice, uiSlice } from './uiSlice.ts';

export type AppState = EngineSlice &
  PhotoSlice &
  JobSlice &
  ChoiceSlice &
  SettingsSlice &
  UiSlice &
  PacksSlice &
  ResultsSlice &
  QueueSlice;

export const useApp = create<AppState>()((...args) => ({
  ...engineSlice(...args),
  ...photoSlice(...args),
  ...jobSlice(...args),
  ...choiceSlice(...args),
  ...settingsSlice(...args),
  ...uiSlice(...args),
  ...packsSlice(...args),
  ...resultsSlice(...args),
  ...queueSlice(...args),
}));
