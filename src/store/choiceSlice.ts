import type { StateCreator } from 'zustand';
import type { TaskId } from '../../workers/packs/manifest.ts';
import type { ExportFormat, RestoreRequest } from '../../workers/protocol.ts';
import type { AppState } from './index.ts';

/** A task, or whichever the pack proposes for the photo. */
export type TaskChoice = TaskId | 'auto';

/** What of a pack's open questions is tried; absent: as the pack has it. */
export type Experiment = Pick<
  RestoreRequest,
  'referenceId' | 'guidanceScale' | 'posterior' | 'seen' | 'promptLanguage' | 'prompt'
>;

/** What the person chose for the next job; null means the pack's own value. */
export interface ChoiceSlice {
  task: TaskChoice;
  /** The person picked the task, so that no proposal takes its place in this session. */
  picked: boolean;
  steps: number | null;
  seed: number;
  tile: number | null;
  /** How the next job goes through the photo; only asked where the pack's weights are streamed. */
  way: 'whole' | 'area' | 'tiles';
  experiment: Experiment;
  /** How much of the restoration the result shows and saves, 0 to 1. */
  strength: number;
  format: ExportFormat;
  /** 0 to 1, for jpeg and webp. */
  quality: number;
  choose: (
    choice: Partial<
      Pick<
        ChoiceSlice,
        'task' | 'picked' | 'steps' | 'seed' | 'tile' | 'way' | 'experiment' | 'strength' | 'format' | 'quality'
      >
    >,
  ) => void;
}

export const choiceSlice: StateCreator<AppState, [], [], ChoiceSlice> = (set) => ({
  task: 'noise',
  picked: false,
  steps: null,
  seed: 0,
  tile: null,
  way: 'tiles',
  experiment: {},
  strength: 1,
  format: 'png',
  quality: 0.92,
  choose: (choice) => set(choice),
});
