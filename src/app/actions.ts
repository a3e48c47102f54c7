/** Every command of the app, once: buttons, keys, the help sheet and the tests read these records. */
import {
  ArrowLeft,
  ArrowRight,
  Brush,
  Camera,
  CircleQuestionMark,
  Cpu,
  Download,
  Eye,
  Flame,
  ImagePlus,
  Images,
  ListChecks,
  type LucideIcon,
  Maximize,
  Package,
  Pause,
  Pin,
  Play,
  Redo2,
  Scan,
  Settings,
  Share2,
  Square,
  Undo2,
  X,
  ZoomIn,
  ZoomOut,
} from 'lucide-react';
import * as view from '../features/compare/viewActions.ts';
import { canShare, saveResult, shareResult } from '../features/export/save.ts';
import { isOnlyShown, nextStep, previousStep } from '../features/filmstrip/steps.ts';
import { closePhoto } from '../features/import/openPhoto.ts';
import { hasCamera, pick } from '../features/import/picker.ts';
import { openQueue } from '../features/queue/work.ts';
import { cancelJob, runKeepStep, runRestore, togglePause } from '../features/restore/run.ts';
import { toggleFidelity } from '../features/results/look.ts';
import { t } from '../i18n/index.ts';
import { type AppState, useApp } from '../store/index.ts';
import { leavePhoto } from './leave.ts';
import { toast } from './toast.ts';

type Refusal = 'film.notKept';

export interface Action {
  id: ActionId;
  icon: LucideIcon;
  /** Key names as in keys.ts; the first one is shown on tooltips. */
  keys: readonly string[];
  group: 'photo' | 'job' | 'look' | 'app';
  /** Absent: not offered at all on this device. */
  offered?: () => boolean;
  enabled: (state: AppState) => boolean;
  /** Why it can't be had just now, where that is worth saying: its button can be pressed then, and the press tells it. */
  refusal?: (state: AppState) => Refusal | null;
  run: () => void;
  /** For commands that last while the key is down. */
  release?: () => void;
}

const always = () => true;
const hasPhoto = (state: AppState) => state.photo !== null;
const canRestore = (state: AppState) => state.photo !== null && state.job !== 'running' && !isBlocked(state);
const hasResult = (state: AppState) => state.result !== null && state.job !== 'running';
/** The film strip is the newest result's. */
const hasFrames = (state: AppState) =>
  state.frames.length > 0 && state.job !== 'running' && (state.results.at(-1)?.id ?? null) === state.current;
/** A step is looked at, and the result could be made of it if the engine had kept it. */
const isOnStep = (state: AppState): state is AppState & { shownStep: number } =>
  hasFrames(state) && state.result !== null && state.shownStep !== null;
const dialog = (name: AppState['dialog']) => () => useApp.getState().setUi({ dialog: name });

/** Its size is that of a finger, its edge soft. */
const toggleBrush = (): void => {
  const { brush, setResults } = useApp.getState();
  setResults({ brush: brush ? null : { size: 64, soft: 0.5, erase: false } });
};

/** Another tab has the engine: nothing can run here until it is taken over. */
export const isBlocked = ({ engine }: Pick<AppState, 'engine'>): boolean =>
  engine.state === 'error' && (engine.failure.code === 'engine-busy' || engine.failure.code === 'engine-taken');

const records = {
  open: { icon: ImagePlus, keys: ['Mod+O'], group: 'photo', enabled: always, run: () => pick('file') },
  queue: { icon: ListChecks, keys: ['q'], group: 'photo', enabled: always, run: () => leavePhoto(openQueue) },
  camera: { icon: Camera, keys: [], group: 'photo', offered: hasCamera, enabled: always, run: () => pick('camera') },
  close: { icon: X, keys: ['Mod+Backspace'], group: 'photo', enabled: hasPhoto, run: () => leavePhoto(closePhoto) },
  restore: { icon: Play, keys: ['Mod+Enter'], group: 'job', enabled: canRestore, run: () => void runRestore() },
  cancel: { icon: Square, keys: ['Escape'], group: 'job', enabled: (s) => s.job === 'running', run: cancelJob },
  pause: { icon: Pause, keys: ['p'], group: 'job', enabled: (s) => s.job === 'running', run: togglePause },
  // The same key; a name of its own for the button.
  unpause: { icon: Play, keys: [], group: 'job', enabled: (s) => s.job === 'running' && s.paused, run: togglePause },
  save: { icon: Download, keys: ['Mod+S'], group: 'job', enabled: hasResult, run: () => void saveResult() },
  share: { icon: Share2, keys: [], group: 'job', offered: canShare, enabled: hasResult, run: () => void shareResult() },
  previousStep: { icon: ArrowLeft, keys: ['['], group: 'job', enabled: hasFrames, run: previousStep },
  nextStep: { icon: ArrowRight, keys: [']'], group: 'job', enabled: hasFrames, run: nextStep },
  keepStep: {
    icon: Pin,
    keys: ['k'],
    group: 'job',
    enabled: (s) => isOnStep(s) && !isOnlyShown(s, s.shownStep),
    refusal: (s) => (isOnStep(s) && isOnlyShown(s, s.shownStep) ? 'film.notKept' : null),
    run: () => void runKeepStep(),
  },
  brush: { icon: Brush, keys: ['b'], group: 'job', enabled: hasResult, run: toggleBrush },
  fidelity: { icon: Flame, keys: ['h'], group: 'look', enabled: hasResult, run: () => void toggleFidelity() },
  results: {
    icon: Images,
    keys: ['r'],
    group: 'look',
    enabled: (s) => s.results.length > 0 && s.job !== 'running',
    run: dialog('results'),
  },
  undo: {
    icon: Undo2,
    keys: ['Mod+Z'],
    group: 'job',
    enabled: (s) => s.past.length > 0 && s.job !== 'running',
    run: () => useApp.getState().undo(),
  },
  redo: {
    icon: Redo2,
    keys: ['Mod+Y', 'Mod+Shift+Z'],
    group: 'job',
    enabled: (s) => s.future.length > 0 && s.job !== 'running',
    run: () => useApp.getState().redo(),
  },
  original: {
    icon: Eye,
    keys: ['o', ' '],
    group: 'look',
    enabled: hasPhoto,
    run: () => useApp.getState().setUi({ showOriginal: true }),
    release: () => useApp.getState().setUi({ showOriginal: false }),
  },
  fit: { icon: Maximize, keys: ['0'], group: 'look', enabled: hasPhoto, run: view.fitPhoto },
  actual: { icon: Scan, keys: ['1'], group: 'look', enabled: hasPhoto, run: view.actual },
  zoomIn: { icon: ZoomIn, keys: ['+', '='], group: 'look', enabled: hasPhoto, run: () => view.zoom(1.25) },
  zoomOut: { icon: ZoomOut, keys: ['-'], group: 'look', enabled: hasPhoto, run: () => view.zoom(0.8) },
  panLeft: { icon: ArrowLeft, keys: ['Shift+ArrowLeft'], group: 'look', enabled: hasPhoto, run: () => view.pan(1, 0) },
  panRight: {
    icon: ArrowLeft,
    keys: ['Shift+ArrowRight'],
    group: 'look',
    enabled: hasPhoto,
    run: () => view.pan(-1, 0),
  },
  panUp: { icon: ArrowLeft, keys: ['Shift+ArrowUp'], group: 'look', enabled: hasPhoto, run: () => view.pan(0, 1) },
  panDown: { icon: ArrowLeft, keys: ['Shift+ArrowDown'], group: 'look', enabled: hasPhoto, run: () => view.pan(0, -1) },
  settings: { icon: Settings, keys: ['Mod+,'], group: 'app', enabled: always, run: dialog('settings') },
  packs: { icon: Package, keys: ['m'], group: 'app', enabled: always, run: dialog('packs') },
  device: { icon: Cpu, keys: ['i'], group: 'app', enabled: always, run: dialog('device') },
  help: { icon: CircleQuestionMark, keys: ['?'], group: 'app', enabled: always, run: dialog('help') },
} as const satisfies Record<string, Omit<Action, 'id'>>;

export type ActionId = keyof typeof records;

export const actions: readonly Action[] = Object.entries(records).map(([id, record]) => ({
  ...record,
  // Object.entries forgets that the keys are those of `records`.
  id: id as ActionId,
}));

export function action(id: ActionId): Action {
  return { id, ...records[id] };
}

/** Runs it, or says why it can't be had. Answers whether it ran. */
export function perform({ enabled, refusal, run }: Pick<Action, 'enabled' | 'refusal' | 'run'>): boolean {
  const state = useApp.getState();
  const why = enabled(state) ? null : (refusal?.(state) ?? null);
  if (why) toast(t(why));
  else run();
  return why === null;
}
