/** One life of the engine worker: made, used, killed, never revived. */
import { proxy, type Remote, wrap } from 'comlink';
import type { EngineApi, Outcome } from '../../workers/protocol.ts';
import { type AppErrorCode, fail, type Result, settle } from './outcome.ts';

export interface Session {
  /** A killed session never answers, so every call also ends with it. */
  call<T>(make: (api: Remote<EngineApi>) => Promise<Outcome<T>>): Promise<Result<T>>;
  /** For calls without an answer worth waiting for. */
  post(make: (api: Remote<EngineApi>) => Promise<void>): Promise<void>;
  kill(code: AppErrorCode, detail?: string): void;
}

export class WorkerSession implements Session {
  readonly #worker: Worker;
  readonly #api: Remote<EngineApi>;
  readonly #dead: Promise<Result<never>>;
  #die: (result: Result<never>) => void = () => {};

  #killed = false;

  /**
   * @param onCrash the worker failed to load or threw outside any call
   * @param onEnd the worker is gone, though it had loaded: the browser ended it
   */
  constructor(onCrash: (detail: string) => void, onEnd: () => void) {
    this.#dead = new Promise((resolve) => {
      this.#die = resolve;
    });
    this.#worker = new Worker(new URL('../../workers/restore.worker.ts', import.meta.url), { type: 'module' });
    this.#worker.addEventListener('error', (event) => onCrash(event.message || 'the worker did not load'));
    this.#worker.addEventListener('messageerror', () => onCrash('a message could not be read'));
    this.#api = wrap<EngineApi>(this.#worker);
    void this.#watchLife(onEnd);
  }

  /** No event tells of a worker that was ended. A lock that it holds as long as it lives does. */
  async #watchLife(onEnd: () => void): Promise<void> {
    const { locks } = navigator;
    if (!locks) return;
    const name = `worker-${crypto.randomUUID()}`;
    await this.post((api) => api.liveUnder(name));
    if (!this.#killed) await locks.request(name, () => !this.#killed && onEnd());
  }

  call<T>(make: (api: Remote<EngineApi>) => Promise<Outcome<T>>): Promise<Result<T>> {
    return Promise.race([settle(make(this.#api)), this.#dead]);
  }

  post(make: (api: Remote<EngineApi>) => Promise<void>): Promise<void> {
    return Promise.race([make(this.#api).catch(() => {}), this.#dead.then(() => {})]);
  }

  kill(code: AppErrorCode, detail = ''): void {
    this.#killed = true;
    this.#worker.terminate();
    this.#die(fail(code, detail));
  }
}

/** Callbacks cross the door as comlink proxies. */
export const callback = <E>(listener: (event: E) => void): ((event: E) => void) => proxy(listener);
