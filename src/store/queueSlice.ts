import type { StateCreator } from 'zustand';
import type { AppErrorCode, Failure } from '../bridge/outcome.ts';
import { DEFAULT_TEMPLATE } from '../features/queue/names.ts';
import type { TaskChoice } from './choiceSlice.ts';
import type { AppState } from './index.ts';

/** `gone`: its file is not here any more, so it has to be chosen again. */
export type ItemStatus = 'waiting' | 'running' | 'done' | 'failed' | 'skipped' | 'gone';

/** A photo in the queue. Its file, and its result until that is saved, lie in the private file system. */
export interface QueueItem {
  id: string;
  name: string;
  bytes: number;
  /** Rises; where the item stands. */
  order: number;
  status: ItemStatus;
  /** A task of its own; null for the one that is chosen for all. */
  task: TaskChoice | null;
  error: AppErrorCode | null;
  /** Name of the result once it is written. */
  saved: string | null;
  /** Whether the result lies in the private file system, to go into a ZIP. */
  stored: boolean;
  milliseconds: number;
}

/** As it comes in. */
export const waitingItem = ({ name, size }: { name: string; size: number }, order: number): QueueItem => ({
  id: crypto.randomUUID(),
  name,
  bytes: size,
  order,
  status: 'waiting',
  task: null,
  error: null,
  saved: null,
  stored: false,
  milliseconds: 0,
});

export interface QueueSlice {
  queue: readonly QueueItem[];
  /** The page shows the queue instead of a photo. */
  queueOpen: boolean;
  queueState: 'idle' | 'running' | 'paused';
  /** Why it paused by itself: what went wrong would hit every photo. */
  queueTrouble: Failure | null;
  /** Files that are being taken in. */
  taking: number;
  template: string;
  /** Where results go besides; null keeps them for the ZIP. */
  folder: FileSystemDirectoryHandle | null;
  /** The folder is that of an earlier visit, and the browser wants to ask again before anything is written there. */
  folderAsks: boolean;
  /** Files could not be kept: the queue will not survive a reload. */
  unkept: boolean;
  setQueue: (
    change: Partial<
      Pick<
        QueueSlice,
        | 'queue'
        | 'queueOpen'
        | 'queueState'
        | 'queueTrouble'
        | 'taking'
        | 'template'
        | 'folder'
        | 'folderAsks'
        | 'unkept'
      >
    >,
  ) => void;
  changeItem: (id: string, change: Partial<QueueItem>) => void;
}

export const queueSlice: StateCreator<AppState, [], [], QueueSlice> = (set, get) => ({
  queue: [],
  queueOpen: false,
  queueState: 'idle',
  queueTrouble: null,
  taking: 0,
  template: DEFAULT_TEMPLATE,
  folder: null,
  folderAsks: false,
  unkept: false,
  setQueue: (change) => set(change),
  changeItem: (id, change) =>
    set({ queue: get().queue.map((item) => (item.id === id ? { ...item, ...change } : item)) }),
});
