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
    // The worker that held the result is gone.
    if (get().engine.state === 'ready' && engine.state !== 'ready')
      set({ result: null, keptStep: null, shownStep: null });
    set({ engine });
  },
});
