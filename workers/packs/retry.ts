/** Waiting before another try. */
import { EngineError } from '../errors.ts';

const LONGEST_MS = 30_000;

/** Doubles with each try, up to 30 s, less up to a quarter so that many requests do not come at once. */
export function pauseMs(first: number, tries: number, random: () => number = Math.random): number {
  return Math.min(LONGEST_MS, first * 2 ** (tries - 1)) * (1 - 0.25 * random());
}

/** @throws EngineError 'cancelled' when `signal` fires */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new EngineError('cancelled'));
    };
    if (signal.aborted) return reject(new EngineError('cancelled'));
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** Workers are not told by every browser that the network is back, so another try is due after this in any case. */
const OFFLINE_MS = 10_000;

/** Resolves when the browser says that it has a network again, at the latest after ten seconds. */
export function online(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      clearTimeout(timer);
      globalThis.removeEventListener('online', settle);
      signal.removeEventListener('abort', settle);
      if (signal.aborted) reject(new EngineError('cancelled'));
      else resolve();
    };
    const timer = setTimeout(settle, OFFLINE_MS);
    globalThis.addEventListener('online', settle);
    signal.addEventListener('abort', settle);
    if (signal.aborted) settle();
  });
}
