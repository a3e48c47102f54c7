/** Where results of the queue go: into a folder as they come, or into what is kept for the ZIP (`zip.ts`). */
import { toast } from '../../app/toast.ts';
import { fail, type Result } from '../../bridge/outcome.ts';
import { t } from '../../i18n/index.ts';
import { useApp } from '../../store/index.ts';
import { dropFile, keepOut, keepResult, keptOut } from './keep.ts';
import { freeName } from './names.ts';
import type { Put } from './runner.ts';

interface Picker {
  showDirectoryPicker?: (options: { id: string; mode: 'readwrite' }) => Promise<FileSystemDirectoryHandle>;
}

const picker = globalThis as Picker;
const closed = (error: unknown) => error instanceof DOMException && error.name === 'AbortError';

export const canPickFolder = (): boolean => picker.showDirectoryPicker !== undefined;

export async function pickFolder(): Promise<void> {
  try {
    const folder = (await picker.showDirectoryPicker?.({ id: 'results', mode: 'readwrite' })) ?? null;
    useApp.getState().setQueue({ folder, folderAsks: false });
  } catch (error) {
    if (!closed(error)) throw error;
  }
}

/** From now on results are kept for the ZIP. */
export const leaveFolder = (): void => useApp.getState().setQueue({ folder: null, folderAsks: false });

/** Not in TypeScript's library: only Chromium has it, as only Chromium has the picker. */
interface Permitted {
  queryPermission?: (options: { mode: 'readwrite' }) => Promise<PermissionState>;
  requestPermission?: (options: { mode: 'readwrite' }) => Promise<PermissionState>;
}

/** Folder and names of the last visit, and from then on every change is written down. */
export async function findOut(): Promise<void> {
  const { template, folder } = await keptOut();
  const permission = await (folder as Permitted | undefined)
    ?.queryPermission?.({ mode: 'readwrite' })
    .catch(() => 'denied');
  const folderAsks = folder !== undefined && permission !== 'granted';
  useApp.getState().setQueue({ ...(template && { template }), ...(folder && { folder, folderAsks }) });
  useApp.subscribe((state, before) => {
    if (state.template !== before.template || state.folder !== before.folder) void keepOut(state);
  });
}

/** Asks where the browser wants that. Must be called while a click is being handled. */
export async function mayWrite(): Promise<boolean> {
  const { folder, folderAsks, setQueue } = useApp.getState();
  if (!folder || !folderAsks) return true;
  const answer = await (folder as Permitted).requestPermission?.({ mode: 'readwrite' }).catch(() => 'denied');
  if (answer !== 'granted') {
    toast(t('queue.folderDenied', { name: folder.name }));
    return false;
  }
  setQueue({ folderAsks: false });
  return true;
}

/**
 * Writes a result under the first free name like this one. What could not be written whole is taken away again.
 *
 * @returns the name
 * @throws DOMException where the folder is gone, full or closed to the app
 */
export async function writeInto(folder: FileSystemDirectoryHandle, name: string, file: Blob): Promise<string> {
  const free = await freeName(name, (one) =>
    folder.getFileHandle(one).then(
      () => true,
      // A folder of that name is another error, and the name is taken.
      (error: unknown) => !(error instanceof DOMException && error.name === 'NotFoundError'),
    ),
  );
  const handle = await folder.getFileHandle(free, { create: true });
  try {
    await file.stream().pipeTo(await handle.createWritable());
  } catch (error) {
    await folder.removeEntry(free).catch(() => undefined);
    throw error;
  }
  return free;
}

/** Into the folder where one was picked, else into the private file system for the ZIP. */
export async function putResult(id: string, name: string, file: Blob): Promise<Result<Put>> {
  const { folder, queue } = useApp.getState();
  if (!folder) {
    const taken = new Set(queue.map(({ saved }) => saved));
    if (!(await keepResult(id, file))) return fail('results-full');
    return { ok: true, value: { saved: await freeName(name, (one) => taken.has(one)), stored: true } };
  }
  try {
    return { ok: true, value: { saved: await writeInto(folder, name, file), stored: false } };
  } catch (cause) {
    return fail('folder-failed', String(cause));
  }
}

/** For a photo that was skipped or removed while its result was written. What is in a folder is whole, and stays. */
export async function takeBackResult(id: string, { stored }: Put): Promise<void> {
  if (stored) await dropFile('out', id);
}
