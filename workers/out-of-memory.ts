/** Whether a failure is that there was no memory, whoever said so: asked at every place that does something about it. */
import { EngineError } from './errors.ts';

/** ORT and other WebAssembly modules, and errors of Safari and Firefox; Firefox throws a mere string of it, too. */
const SAID = /out of memory|bad_alloc|memory allocation|failed to allocate|allocation size overflow/i;
/** What V8 says of arrays that can't be had, as "Array buffer allocation failed". In other errors it could mean anything. */
const NO_ARRAY = /allocation|array (buffer|length)/i;

export function isOutOfMemory(cause: unknown): boolean {
  // "Internal" is what nothing better was known of: its text may know.
  if (cause instanceof EngineError && cause.code !== 'internal') return cause.code === 'out-of-memory';
  const message = cause instanceof Error ? cause.message : String(cause);
  return SAID.test(message) || (cause instanceof RangeError && NO_ARRAY.test(message));
}
