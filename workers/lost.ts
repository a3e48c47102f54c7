/** Lost devices that this thread can't get over. */
import { EngineError } from './errors.ts';
import type { Running } from './running.ts';

export const lostForGood = (detail: string) => new EngineError('device-lost', detail, { replaceWorker: 1 });

/** With the asyncify build a call may never end once the device is lost: the loss itself ends the job then. */
export function untilLost<T>({ runtime }: Running, work: Promise<T>): Promise<T> {
  const { gpu, loaded } = runtime;
  if (!gpu || loaded.bundle !== 'asyncify') return work;
  const lost = gpu.device.lost.then(({ message }): never => {
    throw lostForGood(message);
  });
  return Promise.race([work, lost]).catch((error) => {
    throw gpu.lost === null ? error : lostForGood(gpu.lost);
  });
}
