import type { StateCreator } from 'zustand';
import type { Progress, RestoreResult, UnfinishedJob } from '../../workers/protocol.ts';
import { monotone } from '../features/restore/progress.ts';
import type { AppState } from './index.ts';

/** `left`: the photo looked clean and was left as it is. */
export type JobStatus = 'none' | 'running' | 'done' | 'failed' | 'cancelled' | 'left';

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
  /** The job stands still until the person lets it go on. */
  paused: boolean;
  /** Jobs that did not come to their end, the newest first: they can be taken up again. */
  unfinished: readonly UnfinishedJob[];
  frames: readonly Frame[];
  result: RestoreResult | null;
  /** The step that the result comes from. */
  keptStep: number | null;
  /** The step on the canvas while the film strip is scrubbed; null shows the result. */
  shownStep: number | null;
  beginJob: (kind: 'restore' | 'keep') => void;
  setProgress: (progress: Progress) => void;
  setPaused: (paused: boolean) => void;
  setUnfinished: (jobs: readonly UnfinishedJob[]) => void;
  addFrame: (frame: Frame) => void;
  /** Their job is not that of the newest result. */
  dropFrames: () => void;
  endJob: (status: Exclude<JobStatus, 'running'>, result?: RestoreResult, step?: number) => void;
  showStep: (step: number | null) => void;
  resetJob: () => void;
}

export const jobSlice: StateCreator<AppState, [], [], JobSlice> = (set, get) => ({
  job: 'none',
  jobKind: 'restore',
  progress: null,
  paused: false,
  unfinished: [],
  frames: [],
  result: null,
  keptStep: null,
  shownStep: null,
  beginJob: (kind) => {
    if (kind === 'restore') get().resetJob();
    set({
      job: 'running',
      jobKind: kind,
      progress: null,
      paused: false,
      failure: null,
      notice: null,
      resultsLost: false,
      showOriginal: false,
    });
  },
  setProgress: (progress) => {
    // A call that was in flight may still end; what is shown stands still all the same.
    if (get().job === 'running' && !get().paused) set({ progress: monotone(get().progress, progress) });
  },
  setPaused: (paused) => {
    if (get().job === 'running') set({ paused });
  },
  setUnfinished: (unfinished) => set({ unfinished }),
  addFrame: (frame) => {
    const others = get().frames.filter((known) => known.step !== frame.step);
    for (const known of get().frames) if (known.step === frame.step) known.image.close();
    set({ frames: [...others, frame].sort((a, b) => a.step - b.step) });
  },
  dropFrames: () => {
    for (const frame of get().frames) frame.image.close();
    set({ frames: [], shownStep: null });
  },
  endJob: (status, result, step) => {
    if (result)
      set({ job: status, progress: null, paused: false, result, keptStep: step ?? result.steps, shownStep: null });
    else {
      // A job that came to nothing leaves the results that there were. Its own steps are none of theirs.
      if (get().jobKind === 'restore' && get().results.length > 0) get().dropFrames();
      const before = get().results.find((one) => one.id === get().current)?.result ?? null;
      set({ job: status, progress: null, paused: false, result: get().result ?? before });
    }
  },
  showStep: (shownStep) => set({ shownStep }),
  resetJob: () => {
    get().dropFrames();
    set({ job: 'none', progress: null, paused: false, result: null, keptStep: null });
  },
});
