/** The queue at work: takes photos in, has them restored (`runner.ts`), keeps its list. */
import { engine } from '../../app/engine.ts';
import { fail, failureOf } from '../../bridge/outcome.ts';
import { useApp } from '../../store/index.ts';
import { type QueueItem, waitingItem } from '../../store/queueSlice.ts';
import { closePhoto } from '../import/openPhoto.ts';
import { keepAwake } from '../restore/wakeLock.ts';
import { mayBePhoto } from './collect.ts';
import { dropFile, forgetItem, keepItem, keepPhoto, keptFile, keptItems, timesForgotten } from './keep.ts';
import { findOut, mayWrite, putResult, takeBackResult } from './out.ts';
import { QueueRunner } from './runner.ts';
import { dropZip } from './zip.ts';

const state = () => useApp.getState();

/** Everything that changes an item is written down. */
function change(id: string, values: Partial<QueueItem>): void {
  state().changeItem(id, values);
  const item = state().queue.find((one) => one.id === id);
  if (item) void keepItem(item);
}

const runner = new QueueRunner({
  engine,
  store: useApp,
  change,
  photo: (id) => keptFile('in', id),
  put: putResult,
  takeBack: takeBackResult,
  awake: keepAwake,
});

/** Puts photos at the end of the queue and shows it. */
export async function addToQueue(files: Iterable<File>): Promise<void> {
  const photos = [...files].filter(mayBePhoto);
  if (photos.length === 0) return state().setUi({ failure: failureOf(fail('no-image-given')) });
  openQueue();
  state().setQueue({ taking: state().taking + photos.length });
  const forgotten = timesForgotten();
  for (const [at, file] of photos.entries()) {
    const item = chosenAgain(file) ?? waitingItem(file, (state().queue.at(-1)?.order ?? 0) + 1);
    await keepPhoto(item.id, file);
    await keepItem(item);
    if (timesForgotten() !== forgotten) {
      // All data was deleted meanwhile: neither this photo nor those after it come in.
      state().setQueue({ taking: state().taking - (photos.length - at) });
      await Promise.all([forgetItem(item.id), dropFile('in', item.id)]);
      return;
    }
    const { queue, taking } = state();
    const others = queue.filter(({ id }) => id !== item.id);
    const place = others.findLastIndex(({ order }) => order <= item.order) + 1;
    state().setQueue({ queue: others.toSpliced(place, 0, item), taking: taking - 1 });
  }
}

/** The place in the queue, and the task, of a photo whose file was gone. */
function chosenAgain({ name, size }: File): QueueItem | null {
  const gone = state().queue.find((item) => item.status === 'gone' && item.name === name && item.bytes === size);
  return gone ? { ...gone, status: 'waiting' } : null;
}

export function openQueue(): void {
  if (state().photo) closePhoto();
  state().setQueue({ queueOpen: true });
  state().setUi({ failure: null, notice: null });
}

export function leaveQueue(): void {
  pauseQueue();
  state().setQueue({ queueOpen: false });
}

/** The queue of the last visit, if there is one. */
export async function findQueue(): Promise<void> {
  void dropZip();
  await findOut();
  const queue = await keptItems();
  if (queue.length > 0 && state().queue.length === 0) state().setQueue({ queue });
}

/** Asks for the folder first, where the browser wants that. */
export async function runQueue(): Promise<void> {
  if (await mayWrite()) await runner.run();
}

export const pauseQueue = (): void => runner.pause();
export const skipItem = (id: string): void => runner.skip(id);
/** Its earlier result is none for the ZIP any more. */
export const retryItem = (id: string): void =>
  change(id, { status: 'waiting', error: null, saved: null, stored: false });
export const setItemTask = (id: string, task: QueueItem['task']): void => change(id, { task });

/** One place up (-1) or down (1). */
export function moveItem(id: string, by: -1 | 1): void {
  const queue = [...state().queue];
  const at = queue.findIndex((item) => item.id === id);
  const [one, other] = [queue[at], queue[at + by]];
  if (!one || !other) return;
  queue[at] = { ...other, order: one.order };
  queue[at + by] = { ...one, order: other.order };
  state().setQueue({ queue });
  for (const item of [queue[at], queue[at + by]]) if (item) void keepItem(item);
}

export async function removeItem(id: string): Promise<void> {
  runner.remove(id);
  // A ZIP that was made for a download holds its result as well.
  await Promise.all([forgetItem(id), dropFile('in', id), dropFile('out', id), dropZip()]);
}

/** Lets go of everything that is done, or gone. */
export async function clearAll(status: 'done' | 'gone'): Promise<void> {
  for (const item of state().queue) if (item.status === status) await removeItem(item.id);
}
