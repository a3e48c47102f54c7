import type { UnfinishedJob } from '../../../workers/protocol.ts';
import { engine } from '../../app/engine.ts';
import { failureOf } from '../../bridge/outcome.ts';
import { useApp } from '../../store/index.ts';
import { openPhoto } from '../import/openPhoto.ts';
import { runRestore } from './run.ts';
import { discardJob } from './unfinished.ts';

/** Opens the photo of an unfinished job as it was, and goes on. */
export async function continueJob(job: UnfinishedJob): Promise<void> {
  const file = await engine.unfinishedPhoto(job.id);
  if (!file.ok) {
    discardJob(job.id);
    useApp.getState().setUi({ failure: failureOf(file) });
    return;
  }
  await openPhoto(file.value);
  if (!useApp.getState().photo) return;
  const { task, steps, seed, tile } = job;
  useApp.getState().choose({ task, steps, seed, tile });
  await runRestore(job);
}
