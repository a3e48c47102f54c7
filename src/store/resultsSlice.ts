import type { StateCreator } from 'zustand';
import type { TaskId } from '../../workers/packs/manifest.ts';
import type { Mask } from '../../workers/photo/blend.ts';
import type { Fidelity, Layer, RestoreResult } from '../../workers/protocol.ts';
import type { Experiment } from './choiceSlice.ts';
import type { AppState } from './index.ts';
import { isUnsaved, type Saved } from './unsaved.ts';

/** How much of a result shows, and where. */
export interface Look {
  /** 0 to 1. */
  strength: number;
  mask: Mask | null;
}

/** A restoration of the open photo. Its pixels lie in the engine. */
export interface PhotoResult {
  id: number;
  task: TaskId;
  steps: number;
  seed: number;
  /** Experiments that were on. */
  tried: Experiment;
  /** The pack's language model never saw the photo (`PackInfo.conditions`). */
  approximate: boolean;
  /** What was restored: the layers below. Empty for the photo as it is. */
  base: readonly Layer[];
  result: RestoreResult;
}

/** The current result's pictures for the screen. */
export interface ShownResult {
  id: number;
  restored: ImageBitmap;
  /** What it was made of; null for the photo itself. */
  below: ImageBitmap | null;
}

export interface Brush {
  /** In px of the screen. */
  size: number;
  /** Share of the radius over which it fades, 0 to 1. */
  soft: number;
  erase: boolean;
}

/** What undo goes back to. */
interface Snapshot {
  current: number | null;
  looks: Readonly<Record<number, Look>>;
}

const UNDO_LIMIT = 60;
export const FULL: Look = { strength: 1, mask: null };

export interface ResultsSlice {
  results: readonly PhotoResult[];
  current: number | null;
  looks: Readonly<Record<number, Look>>;
  shown: ShownResult | null;
  past: readonly Snapshot[];
  /** As it was before a slider that is still being moved. */
  moving: Snapshot | null;
  future: readonly Snapshot[];
  /** What the next restoration starts from. */
  startFrom: 'photo' | 'result';
  /** Null while the brush is put away. */
  brush: Brush | null;
  fidelity: { numbers: Fidelity; map: ImageBitmap } | null;
  /** There were some, and they went with a worker that had to be ended: told until the next job. */
  resultsLost: boolean;
  /** One for each time that a result was saved or shared. */
  saved: readonly Saved[];
  /** What closes the photo, once a person has agreed that results go that were not saved. */
  leave: (() => void) | null;
  /** @param shown null where there are no pictures of it: it can be saved all the same */
  addResult: (result: PhotoResult, shown: ShownResult | null, look: Look) => void;
  /** Another result, or null for the photo as it is; can be undone. */
  selectResult: (id: number | null) => void;
  removeResult: (id: number) => void;
  /** @param live the move goes on, and `endMove` makes one entry of all of it */
  setLook: (look: Partial<Look>, live?: boolean) => void;
  /** The slider was let go, or a key moved it. */
  endMove: () => void;
  setShown: (shown: ShownResult | null) => void;
  setResults: (
    change: Partial<Pick<ResultsSlice, 'startFrom' | 'brush' | 'fidelity' | 'resultsLost' | 'leave'>>,
  ) => void;
  addSaved: (saved: Saved) => void;
  undo: () => void;
  redo: () => void;
  /** The engine has none any more. */
  resetResults: () => void;
}

export function closeShown(shown: ShownResult | null): void {
  shown?.restored.close();
  shown?.below?.close();
}

export const lookOf = (state: Pick<ResultsSlice, 'looks' | 'current'>): Look =>
  (state.current === null ? undefined : state.looks[state.current]) ?? FULL;

/** The layers that a result shows, from the lowest up; none for the photo. */
export function layersOf({ results, looks }: Pick<ResultsSlice, 'results' | 'looks'>, id: number | null): Layer[] {
  const found = results.find((one) => one.id === id);
  return found ? [...found.base, { version: found.id, ...(looks[found.id] ?? FULL) }] : [];
}

export const hasUnsaved = (state: Pick<ResultsSlice, 'results' | 'looks' | 'current' | 'saved'>): boolean =>
  isUnsaved(state.results, state.current, lookOf(state), state.saved);

const NONE = {
  results: [],
  current: null,
  looks: {},
  shown: null,
  past: [],
  moving: null,
  future: [],
  startFrom: 'photo',
  brush: null,
  fidelity: null,
  resultsLost: false,
  saved: [],
  // The question goes with what it asks about.
  leave: null,
} as const;

export const resultsSlice: StateCreator<AppState, [], [], ResultsSlice> = (set, get) => {
  const snapshot = (): Snapshot => ({ current: get().current, looks: get().looks });
  const remember = () => ({ past: [...get().past, snapshot()].slice(-UNDO_LIMIT), future: [] });
  /** What other slices know of the current result. */
  const follow = (current: number | null) => {
    const result = get().results.find((one) => one.id === current)?.result ?? null;
    return { current, result, shownStep: null };
  };
  const goTo = ({ current, looks }: Snapshot) => {
    const before = get();
    const there = current === null || before.results.some((one) => one.id === current);
    set({ looks: { ...before.looks, ...looks }, ...(there && current !== before.current && follow(current)) });
    // The slider also chose the strength of the next result: that goes back with it.
    const { strength } = lookOf(get());
    if (get().current === before.current && strength !== lookOf(before).strength) set({ strength });
  };
  return {
    ...NONE,
    addResult: (result, shown, look) => {
      const others = get().results.filter((one) => one.id !== result.id);
      if (get().shown !== shown) closeShown(get().shown);
      set({
        ...remember(),
        results: [...others, result],
        current: result.id,
        looks: { ...get().looks, [result.id]: look },
        shown,
      });
    },
    selectResult: (id) => {
      if (id !== get().current) set({ ...remember(), ...follow(id) });
    },
    removeResult: (id) => {
      const newest = get().results.at(-1)?.id;
      const results = get().results.filter((one) => one.id !== id);
      set({ results });
      // The film strip is the newest result's.
      if (id === newest) get().dropFrames();
      if (get().current === id) set(follow(results.at(-1)?.id ?? null));
    },
    setLook: (look, live = false) => {
      const { current, looks, moving } = get();
      if (current === null) return;
      const change = live ? { moving: moving ?? snapshot() } : remember();
      set({ ...change, looks: { ...looks, [current]: { ...(looks[current] ?? FULL), ...look } } });
    },
    endMove: () => {
      const { moving, current, looks, past } = get();
      if (!moving) return;
      const strength = current === null ? undefined : (moving.looks[current] ?? FULL).strength;
      const moved = current !== null && current === moving.current && looks[current]?.strength !== strength;
      set({ moving: null, ...(moved && { past: [...past, moving].slice(-UNDO_LIMIT), future: [] }) });
    },
    setShown: (shown) => {
      if (get().shown !== shown) closeShown(get().shown);
      set({ shown });
    },
    setResults: (change) => {
      if (change.fidelity !== undefined && get().fidelity !== change.fidelity) get().fidelity?.map.close();
      set(change);
    },
    addSaved: (saved) => set({ saved: [...get().saved, saved] }),
    undo: () => {
      const last = get().past.at(-1);
      if (!last) return;
      set({ past: get().past.slice(0, -1), future: [snapshot(), ...get().future] });
      goTo(last);
    },
    redo: () => {
      const [next, ...rest] = get().future;
      if (!next) return;
      set({ past: [...get().past, snapshot()], future: rest });
      goTo(next);
    },
    resetResults: () => {
      closeShown(get().shown);
      get().fidelity?.map.close();
      // The film strip is the newest result's, or that of the job under way.
      if (get().results.length > 0 && get().job !== 'running') get().dropFrames();
      set({ ...NONE, result: null, keptStep: null, shownStep: null });
    },
  };
};
