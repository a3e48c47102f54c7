/** The frozen set and the clean photos through the pack's own choice of a task. */
import { CLEAN, type TaskId } from '../../workers/packs/manifest.ts';
import { proposeTask, restoreAuto } from '../../workers/pipeline/auto.ts';
import { type Contestant, SEED } from './measure.ts';
import { psnr, SAME } from './metrics/psnr.ts';
import type { AutoStores } from './store.ts';
import type { AutoSummary } from './summary.ts';
import type { Workshop } from './workshop.ts';

/** null where the pack proposes no task. */
export async function autoSummary(
  contestant: Contestant,
  workshop: Workshop,
  { proposals, clean }: AutoStores,
  tasks: readonly TaskId[],
  photos: readonly string[],
): Promise<AutoSummary | null> {
  const { engine } = contestant;
  if (!engine.manifest.auto) return null;
  const shares: Partial<Record<TaskId, number>> = {};
  const confused: string[] = [];
  for (const task of tasks) {
    let right = 0;
    for (const photo of photos) {
      const { top } = await proposals.once(`${task}/${photo}`, async () => {
        const found = await proposeTask(engine, await workshop.picture(task, photo));
        return { top: found?.top ?? '', sure: found?.sure ?? 0 };
      });
      if (top === task) right++;
      else confused.push(`${task} as ${top}`);
    }
    shares[task] = right / photos.length;
  }
  const results = [];
  for (const photo of photos) {
    const measure = async () => {
      const picture = await workshop.picture('clean', photo);
      const { proposal: found, result } = await restoreAuto(engine, picture, { seed: SEED });
      return { top: found.top, sure: found.sure, psnr: result ? psnr(result, picture) : SAME };
    };
    results.push(await clean.once(photo, measure));
  }
  const wrong = results.filter(({ top }) => top !== CLEAN);
  confused.push(...wrong.map(({ top }) => `clean as ${top}`));
  const all = Object.values(shares);
  return {
    accuracy: all.reduce((sum, share) => sum + share, 0) / all.length,
    tasks: shares,
    cleanWrong: wrong.length / results.length,
    clean: results.map((result) => result.psnr),
    confused,
  };
}
