import { describe, expect, it } from 'vitest';
import { resultInfo } from '../photo-info.ts';
import { StepHistory } from './history.ts';
import { decodeStep, restorePhoto } from './restore.ts';
import { blocks, engineOf, options } from './testing/toy-job.ts';
import { toyManifest } from './testing/toy-manifest.ts';

/** The same job of a photo so large that only every other step is kept. */
async function jobWithHalf() {
  const { engine } = engineOf(toyManifest());
  const photo = blocks(96, 64);
  const job = await restorePhoto(engine, photo, options);
  const [channels, height, width] = [4, 8, 12];
  const history = new StepHistory(4, [channels, height, width], 2 * (2 * channels * height * width));
  for (const step of job.kept.history.available()) {
    history.adopt(step, job.kept.history.halves(step) ?? new Uint16Array());
  }
  return { engine, photo, job: { ...job, kept: { ...job.kept, history } } };
}

describe('steps of a large photo', () => {
  it('say with the result which of them were kept', async () => {
    const { job } = await jobWithHalf();
    const info = resultInfo(7, job, { gpuPeakBytes: 0, heapBytes: 0 });
    expect(info).toMatchObject({ id: 7, steps: 4, keepable: [2, 4] });
  });

  it('that were not kept are refused under a code of their own; the kept ones are decoded', async () => {
    const { engine, photo, job } = await jobWithHalf();
    const refused = decodeStep(engine, photo, job.kept, 3);
    await expect(refused).rejects.toMatchObject({ code: 'step-not-kept', values: { step: 3 } });
    const again = await decodeStep(engine, photo, job.kept, 4);
    expect(Buffer.compare(again.rgb, job.rgb)).toBe(0);
    expect(again.kept.history.available()).toEqual([2, 4]);
  });
});
