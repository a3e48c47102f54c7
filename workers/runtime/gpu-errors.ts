/** From what ORT and WebGPU throw to an `EngineError`. */
import { EngineError } from '../errors.ts';
import { isOutOfMemory } from '../out-of-memory.ts';
import type { Gpu } from './device.ts';

const OVER_LIMITS = /\[Invalid Buffer|Buffer size .* exceeds|exceeds the max buffer size/i;

/**
 * Running out of GPU memory shows in two places: the real error only in the device's `uncapturederror`, while ORT's run
 * rejects because of the invalid buffer that followed, or because a buffer is over a limit of the device.
 */
export function gpuError(cause: unknown, gpu: Pick<Gpu, 'lost' | 'takeErrors'>, what: string): EngineError {
  const { outOfMemory, messages } = gpu.takeErrors();
  const message = cause instanceof Error ? cause.message : String(cause);
  const detail = [`${what}: ${message}`, ...messages].join('; ').slice(0, 1000);
  if (gpu.lost !== null) return new EngineError('device-lost', `${detail} (${gpu.lost})`);
  if (outOfMemory || isOutOfMemory(cause) || OVER_LIMITS.test(message)) return new EngineError('out-of-memory', detail);
  if (cause instanceof EngineError) return cause;
  return new EngineError('internal', detail);
}
