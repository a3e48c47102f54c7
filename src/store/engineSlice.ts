import type { StateCreator } from 'zustand';
import type { EngineState } from '../bridge/engine.ts';
import type { AppState } from './index.ts';

export interface EngineSlice {
  engine: EngineState;
  setEngine: (engine: EngineState) => void;
}

export const engineSlice: StateCreator<AppState, [], [], EngineSlice> = (set, get) => ({
  engine: { state: 'idle' },
  setEngine: (engine) => {
    // The worker that held the results is gone.
    if (get().engine.state === 'ready' && engine.state !== 'ready') {
      const resultsLost = get().results.length > 0;
      get().resetResults();
      set({ resultsLost });
    }
    // A pack that proposes nothing has no Auto to choose.
    if (engine.state === 'ready' && !engine.pack.auto && get().task === 'auto') set({ task: 'noise', picked: false });
    set({ engine });
  },
});
