import type { TaskChoice } from '../../store/choiceSlice.ts';
import { useApp } from '../../store/index.ts';
import { TASK_ORDER } from './taskMeta.ts';

/** What can be chosen with the pack that runs, in order. */
export function useTasks(): readonly TaskChoice[] {
  const pack = useApp((state) => (state.engine.state === 'ready' ? state.engine.pack : null));
  const tasks = TASK_ORDER.filter((one) => !pack || pack.tasks.some((known) => known.id === one));
  return pack?.auto ? ['auto', ...tasks] : tasks;
}
