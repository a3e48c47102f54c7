/** Jobs that did not come to their end: found when the engine comes up, offered, taken up again or discarded. */
import { engine } from '../../app/engine.ts';
import { useApp } from '../../store/index.ts';

/** Looks for them, unless a job runs: that one is not unfinished yet. */
export async function findUnfinished(): Promise<void> {
  if (useApp.getState().job === 'running') return;
  const jobs = await engine.unfinished();
  if (useApp.getState().job !== 'running') useApp.getState().setUnfinished(jobs);
}

/** No longer offered. */
export function forgetUnfinished(id: string): void {
  const { unfinished, setUnfinished } = useApp.getState();
  setUnfinished(unfinished.filter((job) => job.id !== id));
}

export function discardJob(id: string): void {
  forgetUnfinished(id);
  void engine.discard(id);
}

/** Looks again whenever the engine has come up, here or after another tab had it, and when the page comes back. */
export function watchUnfinished(): void {
  useApp.subscribe((state, before) => {
    if (state.engine.state === 'ready' && before.engine.state !== 'ready') void findUnfinished();
  });
  const back = () => {
    if (document.visibilityState === 'visible' && useApp.getState().engine.state === 'ready') void findUnfinished();
  };
  document.addEventListener('visibilitychange', back);
  // After the browser had stopped the page's timers and threads, or had put it aside whole.
  document.addEventListener('resume', back);
  window.addEventListener('pageshow', back);
}
