import type { StateCreator } from 'zustand';
import type { NoticeCode } from '../../workers/protocol.ts';
import type { Failure } from '../bridge/outcome.ts';
import type { Size, View } from '../features/compare/geometry.ts';
import type { AppState } from './index.ts';

export type DialogName = 'settings' | 'device' | 'packs' | 'help' | 'results';

export interface Notice {
  code: NoticeCode | 'left-clean';
  values: Record<string, number>;
}

export interface UiSlice {
  dialog: DialogName | null;
  /** Starts the engine anew, once a person has agreed that the photo's results go. */
  restart: (() => void) | null;
  /** The last thing that went wrong, until it is dismissed or a job starts. */
  failure: Failure | null;
  notice: Notice | null;
  dragging: boolean;
  /** Where the stage shows the photo; null fits it. */
  view: View | null;
  viewport: Size;
  /** Share of the visible photo that shows the original, from the left. */
  split: number;
  showOriginal: boolean;
  updateReady: (() => void) | null;
  install: (() => void) | null;
  setUi: (change: Partial<Omit<UiSlice, 'setUi'>>) => void;
}

export const uiSlice: StateCreator<AppState, [], [], UiSlice> = (set) => ({
  dialog: null,
  restart: null,
  failure: null,
  notice: null,
  dragging: false,
  view: null,
  viewport: { width: 0, height: 0 },
  split: 0.5,
  showOriginal: false,
  updateReady: null,
  install: null,
  setUi: (change) => set(change),
});
