/** The queue at work: takes photos in, restores one after the other, writes results. */
import { engine } from '../../app/engine.ts';
import { APP_VERSION } from '../../app/version.ts';
import { fail, failureOf, type Result } from '../../bridge/outcome.ts';
import { useApp } from '../../store/index.ts';
import type { QueueItem } from '../../store/queueSlice.ts';
import { ENDING } from '../export/fileName.ts';
import { closePhoto } from '../import/openPhoto.ts';
import { keepAwake } from '../restore/wakeLock.ts';
import { mayBePhoto } from './collect.ts';
import { dropFile, forgetItem, keepFile, keepItem, keptFile, keptItems } from './keep.ts';
import { freeName, nameFor } from './names.ts';
import { findOut, mayWrite, writeInto } from './out.ts';

const state = () => useApp.getState();

/** Everything that changes an item is written down. */
function change(id: string, values: Partial<QueueItem>): void {
  state().changeItem(id, values);
  const item = state().queue.find((one) => one.id === id);
  if (item) void keepItem(item);
}

/** Puts photos at the end of the queue and shows it. */
export async function addToQueue(files: Iterable<File>): Promise<void> {
  const photos = [...files].filter(mayBePhoto);
  if (photos.length === 0) return state().setUi({ failure: failureOf(fail('no-image-given')) });
  openQueue();
  state().setQueue({ taking: state().taking + photos.length });
  for (const file of photos) {
    const order = (state().queue.at(-1)?.order ?? 0) + 1;
    const item: QueueItem = {
      id: crypto.randomUUID(),
      name: file.name,
      bytes: file.size,
      order,
      status: 'waiting',
      task: null,
      error: null,
      saved: null,
      stored: false,
      milliseconds: 0,
    };
    await keepFile('in', item.id, file);
    await keepItem(item);
    const { queue, taking } = state();
    state().setQueue({ queue: [...queue, item], taking: taking - 1 });
  }
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
  await findOut();
  const queue = await keptItems();
  if (queue.length > 0 && state().queue.length === 0) state().setQueue({ queue });
}

/** Restores what waits, until nothing does or it is paused. */
export async function runQueue(): Promise<void> {
  if (!(await mayWrite()) || state().queueState === 'running') return;
  if (state().queueState === 'paused') engine.pause(false);
  const goesOn = state().queueState === 'paused' && state().queue.some((item) => item.status === 'running');
  state().setQueue({ queueState: 'running' });
  if (goesOn) return;
  const release = keepAwake();
  try {
    for (;;) {
      const next =
        state().queueState === 'running' ? state().queue.find((item) => item.status === 'waiting') : undefined;
      if (!next) break;
      await restoreItem(next);
    }
  } finally {
    release();
    if (state().queueState === 'running') state().setQueue({ queueState: 'idle' });
  }
}

/** The photo under way stands still; it goes on from there. */
export function pauseQueue(): void {
  if (state().queueState !== 'running') return;
  engine.pause(true);
  state().setQueue({ queueState: 'paused' });
}

async function restoreItem(item: QueueItem): Promise<void> {
  const began = performance.now();
  change(item.id, { status: 'running', error: null });
  const result = await work(item);
  const now = state().queue.find((one) => one.id === item.id);
  // Skipped or removed meanwhile.
  if (now?.status !== 'running') return;
  const milliseconds = Math.round(performance.now() - began);
  // Another photo was opened meanwhile: this one has its turn again.
  if (!result.ok && result.code === 'cancelled') change(item.id, { status: 'waiting' });
  else if (result.ok) change(item.id, { status: 'done', ...result.value, milliseconds });
  else change(item.id, { status: 'failed', error: result.code, milliseconds });
}

async function work(item: QueueItem): Promise<Result<Pick<QueueItem, 'saved' | 'stored'>>> {
  const file = await keptFile('in', item.id);
  if (!file) return fail('corrupt-image', 'its file was not kept');
  const opened = await engine.open(file);
  if (!opened.ok) return opened;
  const chosen = await settingsFor(item);
  if (!chosen.ok) return chosen;
  const { format, quality, strength, settings } = state();
  const { task, request } = chosen.value;
  if (await held()) {
    // Another photo may have been looked at meanwhile.
    const again = await engine.open(file);
    if (!again.ok) return again;
  }
  const restored = request
    ? await engine.restore(request, (event) => event.type === 'paint' && event.image.close())
    : null;
  if (restored && !restored.ok) return restored;
  const layers = restored ? [{ version: restored.value.id, strength, mask: null }] : [];
  const saved = await engine.save({ format, quality, privacy: settings.privacy, layers, app: APP_VERSION });
  if (!saved.ok) return saved;
  const parts = { file: item.name, task, number: item.order, date: new Date(), ending: ENDING[format] };
  return put(item.id, nameFor(state().template, parts), saved.value.file);
}

/** A job that starts is not paused: a pause before it is waited for here. Answers whether there was one. */
function held(): Promise<boolean> {
  if (state().queueState !== 'paused') return Promise.resolve(false);
  return new Promise((resolve) => {
    const stop = useApp.subscribe(({ queueState }) => {
      if (queueState === 'paused') return;
      stop();
      resolve(true);
    });
  });
}

/** Without a request the photo is left as it is: it looks clean. */
async function settingsFor(item: QueueItem) {
  const { steps, seed, tile, task: common } = state();
  const started = await engine.start();
  if (!started.ok) return started;
  const wanted = item.task ?? common;
  const rest = { steps: steps ?? started.value.pack.steps.default, seed, ...(tile !== null && { tile }), keep: false };
  if (wanted !== 'auto') return { ok: true as const, value: { task: wanted, request: { task: wanted, ...rest } } };
  const proposal = await engine.propose();
  if (!proposal.ok) return proposal;
  if (!proposal.value) return fail('internal', 'the pack proposes no task');
  const { task, strength } = proposal.value;
  const request = strength === 0 ? null : { task, ...rest, ...(strength < 1 && { strength }) };
  return { ok: true as const, value: { task, request } };
}

/** Into the folder where one was picked, else into the private file system for the ZIP. */
async function put(id: string, name: string, file: Blob): Promise<Result<Pick<QueueItem, 'saved' | 'stored'>>> {
  const { folder, queue } = state();
  if (!folder) {
    const taken = new Set(queue.map(({ saved }) => saved));
    await keepFile('out', id, file);
    return { ok: true, value: { saved: await freeName(name, (one) => taken.has(one)), stored: true } };
  }
  try {
    return { ok: true, value: { saved: await writeInto(folder, name, file), stored: false } };
  } catch (cause) {
    return fail('folder-failed', String(cause));
  }
}

export function skipItem(id: string): void {
  const running = state().queue.find((item) => item.id === id)?.status === 'running';
  change(id, { status: 'skipped' });
  if (running) engine.cancel();
}

export const retryItem = (id: string): void => change(id, { status: 'waiting', error: null, saved: null });
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
  if (state().queue.find((item) => item.id === id)?.status === 'running') engine.cancel();
  state().setQueue({ queue: state().queue.filter((item) => item.id !== id) });
  await Promise.all([forgetItem(id), dropFile('in', id), dropFile('out', id)]);
}

/** Lets go of everything that is done. */
export async function clearDone(): Promise<void> {
  for (const item of state().queue) if (item.status === 'done') await removeItem(item.id);
}
