/** Failures as plain values: what the worker's door hands out instead of throwing. */
import { EngineError } from './errors.ts';
import { isOutOfMemory } from './out-of-memory.ts';
import type { Outcome } from './protocol.ts';

/** Runs `work` and answers with its value or its failure. Never throws. */
export async function outcome<T>(work: () => Promise<T> | T): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (cause) {
    const { code, message, values } = asEngineError(cause);
    return { ok: false, code, detail: message, values: { ...values } };
  }
}

export function asEngineError(cause: unknown): EngineError {
  if (cause instanceof EngineError) return cause;
  const message = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return new EngineError(isOutOfMemory(cause) ? 'out-of-memory' : 'internal', message);
}
