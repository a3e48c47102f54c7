import type { StateCreator } from 'zustand';
import type { TaskId } from '../../workers/packs/manifest.ts';
import type { ExportFormat } from '../../workers/protocol.ts';
import type { AppState } from './index.ts';

/** What the person chose for the next job; null means the pack's own value. */
export interface ChoiceSlice {
  task: TaskId;
  steps: number | null;
  seed: number;
  tile: number | null;
  format: ExportFormat;
  /** 0 to 1, for jpeg and webp. */
  quality: number;
  choose: (choice: Partial<Pick<ChoiceSlice, 'task' | 'steps' | 'seed' | 'tile' | 'format' | 'quality'>>) => void;
}

export const choiceSlice: StateCreator<AppState, [], [], ChoiceSlice> = (set) => ({
  task: 'noise',
  steps: null,
  seed: 0,
  tile: null,
  format: 'png',
  quality: 0.92,
  choose: (choice) => set(choice),
});
