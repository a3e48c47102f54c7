/** Asks the pack which task a photo needs. */
import { EngineError } from '../errors.ts';
import { choose, type Proposal } from './auto-choice.ts';
import { cropPlaces, withoutRepeats } from './auto-crops.ts';
import type { Engine, JobOptions, JobResult } from './job.ts';
import { cropPixels, type Photo } from './photo.ts';
import { restorePhoto } from './restore.ts';
import { withScope } from './scope.ts';
import { thumbnail } from './thumb.ts';

/**
 * One graph call on a few crops and the thumbnail, whatever the photo's size.
 *
 * @returns null when the pack proposes no tasks
 * @throws EngineError 'cancelled', 'bad-numbers', or what the backend throws
 */
export async function proposeTask(engine: Engine, photo: Photo, signal?: AbortSignal): Promise<Proposal | null> {
  const { backend, manifest } = engine;
  const { auto } = manifest;
  if (!auto) return null;
  const { crop: side, thumb } = auto;
  const places = withoutRepeats(cropPlaces(photo.width, photo.height, side, auto.crops));
  const crops = new Float32Array(places.length * 3 * side * side);
  places.forEach((place, i) => {
    crops.set(cropPixels(photo, place), i * 3 * side * side);
  });
  return withScope(async (scope) => {
    throwIfAborted(signal);
    const feeds = {
      crops: scope.add(backend.upload('float32', [places.length, 3, side, side], crops)),
      thumb: scope.add(backend.upload('float32', [1, 3, thumb, thumb], thumbnail(photo, thumb))),
    };
    const outputs = await backend.run(auto.graph, feeds);
    for (const tensor of Object.values(outputs)) scope.add(tensor);
    throwIfAborted(signal);
    const logits = outputs.logits && (await backend.download(outputs.logits));
    if (!(logits instanceof Float32Array)) throw new EngineError('pack-damaged', `${auto.graph} makes no logits`);
    throwIfAborted(signal);
    if (!logits.every(Number.isFinite)) throw new EngineError('bad-numbers', 'the proposal is not a number');
    return choose(auto, logits);
  });
}

/**
 * Restores a photo by the pack's own proposal.
 *
 * @returns the result; null where the photo looks clean and is left as it is
 * @throws EngineError as `proposeTask` and `restorePhoto`, and 'internal' when the pack proposes no tasks
 */
export async function restoreAuto(
  engine: Engine,
  photo: Photo,
  options: Omit<JobOptions, 'task' | 'strength'>,
): Promise<{ proposal: Proposal; result: JobResult | null }> {
  const proposal = await proposeTask(engine, photo, options.signal);
  if (!proposal) throw new EngineError('internal', 'This pack proposes no task. Name one.');
  const { task, strength } = proposal;
  const result = strength === 0 ? null : await restorePhoto(engine, photo, { ...options, task, strength });
  return { proposal, result };
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new EngineError('cancelled');
}
