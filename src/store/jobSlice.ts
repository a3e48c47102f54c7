import type { StateCreator } from 'zustand';
import type { Progress, RestoreResult } from '../../workers/protocol.ts';
import { monotone } from '../features/restore/progress.ts';
import type { AppState } from './index.ts';

export type JobStatus = 'none' | 'running' | 'done' | 'failed' | 'cancelled';

/** How the picture stood after a step, small enough to keep for every step. */
export interface Frame {
  step: number;
  image: ImageBitmap;
}

export interface JobSlice {
  job: JobStatus;
  /** `restore` runs all steps, `keep` decodes one of them again. */
  jobKind: 'restore' | 'keep';
  progress: Progress | null;
  frames: readonly Frame[];
  result: RestoreResult | null;
  /** The step that the result comes from. */
  keptStep: number | null;
  /** The step on the canvas while the film strip is scrubbed; null shows the result. */
  shownStep: number | null;
  beginJob: (kind: 'restore' | 'keep') => void;
  setProgress: (progress: Progress) => void;
  addFrame: (frame: Frame) => void;
  endJob: (status: Exclude<JobStatus, 'running'>, result?: RestoreResult, step?: number) => void;
  showStep: (step: number | null) => void;
  resetJob: () => void;
}

export const jobSlice: StateCreator<AppState, [], [], JobSlice> = (set, get) => ({
  job: 'none',
  jobKind: 'restore',
  progress: null,
  frames: [],
  result: null,
  keptStep: null,
  shownStep: null,
  beginJob: (kind) => {
    if (kind === 'restore') get().resetJob();
    set({ job: 'running', jobKind: kind, progress: null, failure: null, notice: null, showOriginal: false });
  },
  setProgress: (progress) => {
    if (get().job === 'running') set({ progress: monotone(get().progress, progress) });
  },
  addFrame: (frame) => {
    const others = get().frames.filter((known) => known.step !== frame.step);
    for (const known of get().frames) if (known.step === frame.step) known.image.close();
    set({ frames: [...others, frame].sort((a, b) => a.step - b.step) });
  },
  endJob: (status, result, step) => {
    if (result) set({ job: status, progress: null, result, keptStep: step ?? result.steps, shownStep: null });
    else set({ job: status, progress: null });
  },
  showStep: (shownStep) => set({ shownStep }),
  resetJob: () => {
    for (const frame of get().frames) frame.image.close();
    set({ job: 'none', progress: null, frames: [], result: null, keptStep: null, shownStep: null });
  },
});
