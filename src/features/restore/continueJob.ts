import type { UnfinishedJob } from '../../../workers/protocol.ts';
import { engine } from '../../app/engine.ts';
import { failureOf } from '../../bridge/outcome.ts';
import { useApp } from '../../store/index.ts';
import { askFor, openPhoto } from '../import/openPhoto.ts';
import { runRestore } from './run.ts';
import { discardJob } from './unfinished.ts';

/** Opens the photo of an unfinished job as it was, and goes on, unless another photo was opened meanwhile. */
export async function continueJob(job: UnfinishedJob): Promise<void> {
  const wanted = askFor();
  const file = await engine.unfinishedPhoto(job.id);
  if (!wanted()) return;
  if (!file.ok) {
    discardJob(job.id);
    useApp.getState().setUi({ failure: failureOf(file) });
    return;
  }
  if (!(await openPhoto(file.value))) return;
  const { task, steps, seed, tile } = job;
  useApp.getState().choose({ task, steps, seed, tile });
  await runRestore(job);
}
