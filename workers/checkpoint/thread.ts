/** The checkpoint thread seen from the engine worker. It is made on first use; when it fails, every call fails. */
import { type Remote, wrap } from 'comlink';
import type { Outcome } from '../protocol.ts';
import type { CheckpointApi } from './protocol.ts';

type Failed = Extract<Outcome<never>, { ok: false }>;

export class CheckpointThread implements CheckpointApi {
  #api: Remote<CheckpointApi> | null = null;
  #fail: (failure: Failed) => void = () => undefined;
  readonly #failed = new Promise<Failed>((resolve) => {
    this.#fail = resolve;
  });

  begin: CheckpointApi['begin'] = (...args) => this.#call((api) => api.begin(...args));
  step: CheckpointApi['step'] = (...args) => this.#call((api) => api.step(...args));
  remove: CheckpointApi['remove'] = (...args) => this.#call((api) => api.remove(...args));
  list: CheckpointApi['list'] = () => this.#call((api) => api.list());
  photo: CheckpointApi['photo'] = (...args) => this.#call((api) => api.photo(...args));
  settings: CheckpointApi['settings'] = (...args) => this.#call((api) => api.settings(...args));
  load: CheckpointApi['load'] = (...args) => this.#call((api) => api.load(...args));

  #call<T>(make: (api: Remote<CheckpointApi>) => Promise<Outcome<T>>): Promise<Outcome<T>> {
    this.#api ??= this.#open();
    return Promise.race([make(this.#api), this.#failed]);
  }

  #open(): Remote<CheckpointApi> {
    const worker = new Worker(new URL('../checkpoint.worker.ts', import.meta.url), { type: 'module' });
    const fail = (detail: string) => this.#fail({ ok: false, code: 'internal', detail, values: {} });
    worker.addEventListener('error', (event) => fail(event.message || 'the checkpoint thread did not load'));
    worker.addEventListener('messageerror', () => fail('a message could not be read'));
    return wrap<CheckpointApi>(worker);
  }
}
