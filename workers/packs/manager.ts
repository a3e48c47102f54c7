/** The packs worker's door. Every call answers with an `Outcome`. */
import { EngineError } from '../errors.ts';
import { outcome } from '../outcome.ts';
import type { Outcome } from '../protocol.ts';
import type { PackEvent, PackList, PacksApi } from './protocol.ts';

export class PacksManager implements PacksApi {
  #tell: (event: PackEvent) => void = () => {};

  async watch(onEvent: (event: PackEvent) => void): Promise<void> {
    this.#tell = onEvent;
  }

  list(): Promise<Outcome<PackList>> {
    return outcome(() => ({ packs: [], storage: { available: false, usage: null, free: null } }));
  }

  inspect = this.#later;
  inspectGiven = this.#later;
  download = this.#later;
  resume = this.#later;
  importGiven = this.#later;
  verify = this.#later;
  repair = this.#later;
  remove = this.#later;
  checkUpdate = this.#later;
  exportTo = this.#later;

  async pause(): Promise<void> {
    void this.#tell;
  }

  async cancel(): Promise<void> {}

  #later(): Promise<Outcome<never>> {
    return outcome(() => {
      throw new EngineError('no-storage');
    });
  }
}
