/** Latents of a job as its steps see them, for comparisons. */
import type { JobOptions } from '../../workers/pipeline/job.ts';
import type { Photo } from '../../workers/pipeline/photo.ts';
import { restorePhoto } from '../../workers/pipeline/restore.ts';
import type { NodeEngine } from './backend.ts';

/** Latents after the first and after the last step, and how many steps there were. */
export async function sampleLatents(
  engine: NodeEngine,
  photo: Photo,
  options: JobOptions,
): Promise<{ first: Float32Array; last: Float32Array; steps: number; starts: number }> {
  const starts: Float32Array[] = [];
  const { backend } = engine;
  const watched = new Proxy(backend, {
    get: (target, name) => {
      if (name !== 'run') {
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      }
      const run: typeof backend.run = async (instance, feeds, choice) => {
        if (instance === 'embed' && feeds.latents) {
          starts.push(Float32Array.from(await target.download(feeds.latents)));
        }
        return target.run(instance, feeds, choice);
      };
      return run;
    },
  });
  const { kept, steps } = await restorePhoto({ ...engine, backend: watched }, photo, options);
  // The last clean estimate is the last step's latents, kept as halves.
  const rect = { x: 0, y: 0, width: Math.ceil(photo.width / 16) * 2, height: Math.ceil(photo.height / 16) * 2 };
  const last = kept.history.crop(steps, rect);
  return {
    first: starts[1] ?? new Float32Array(),
    last: last?.data ?? new Float32Array(),
    steps,
    starts: starts.length,
  };
}
