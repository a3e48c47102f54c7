/** Every way in (picker, drop, paste, camera, share, "open with", demo) ends here. */
import { engine } from '../../app/engine.ts';
import { leavePhoto } from '../../app/leave.ts';
import { fail, failureOf } from '../../bridge/outcome.ts';
import { useApp } from '../../store/index.ts';
import { mayBePhoto } from '../queue/collect.ts';
import { addToQueue, leaveQueue } from '../queue/work.ts';
import { cancelJob } from '../restore/run.ts';
import { viewSide } from '../restore/surface.ts';

let newest = 0;

/**
 * For a photo that has to be fetched before it can be opened.
 *
 * @returns whether it is still wanted: no other one was asked for, opened or closed meanwhile
 */
export function askFor(): () => boolean {
  const mine = ++newest;
  return () => mine === newest;
}

/**
 * Opens a photo in place of the one that is open. Of two opened in a row only the later one is shown.
 *
 * @param keepsTask its task was chosen beforehand
 * @returns whether it is the photo that is open now
 */
export async function openPhoto(file: File, keepsTask = false): Promise<boolean> {
  const wanted = askFor();
  if (useApp.getState().queueOpen) leaveQueue();
  cancelJob();
  const { setPhoto, setOpening, setUi } = useApp.getState();
  setPhoto(null);
  setOpening(true);
  setUi({ failure: null, notice: null });
  let { opened, view } = await openAndView(file);
  // A worker that did not follow the cancel above was replaced meanwhile: the new one opens the photo.
  if (!view.ok && view.code === 'cancelled' && wanted()) ({ opened, view } = await openAndView(file));
  if (!wanted()) {
    if (view.ok) view.value.close();
    return false;
  }
  if (opened.ok && view.ok) {
    setPhoto({ name: file.name, info: opened.value, view: view.value, keepsTask });
    return true;
  }
  setOpening(false);
  if (!view.ok) setUi({ failure: failureOf(view) });
  return false;
}

async function openAndView(file: File) {
  const opened = await engine.open(file);
  return { opened, view: opened.ok ? await engine.view('photo', viewSide()) : opened };
}

/**
 * The first file that may be a photo; several of them, or any while the queue is shown, go into the queue. A list without one
 * says so instead of doing nothing.
 */
export function openFirst(files: Iterable<File>): void {
  const all = [...files];
  const photo = all.find((file) => file.type.startsWith('image/')) ?? all[0];
  if (all.filter(mayBePhoto).length > 1 || useApp.getState().queueOpen) openAll(all);
  else if (photo) leavePhoto(() => void openPhoto(photo));
  else useApp.getState().setUi({ failure: failureOf(fail('no-image-given')) });
}

/** All of them into the queue, e.g. those of a folder. */
export function openAll(files: readonly File[]): void {
  const add = () => void addToQueue(files);
  // Where none of them is a photo, that is said and the open one stays.
  if (files.some(mayBePhoto)) leavePhoto(add);
  else add();
}

export function closePhoto(): void {
  newest++;
  cancelJob();
  engine.close();
  useApp.getState().setPhoto(null);
  useApp.getState().setUi({ failure: null, notice: null });
}
