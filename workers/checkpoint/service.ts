/** The store behind its thread's door: one call at a time, and quiet where the browser keeps no files. */
import type { Remote } from 'comlink';
import { outcome } from '../outcome.ts';
import type { Disk } from '../packs/disk.ts';
import { openOpfs } from '../packs/opfs.ts';
import type { Outcome } from '../protocol.ts';
import { Mutex } from '../runtime/mutex.ts';
import type { CheckpointApi } from './protocol.ts';
import { CheckpointStore } from './store.ts';

export class CheckpointService implements CheckpointApi {
  readonly #turn = new Mutex();
  readonly #disk: () => Promise<Disk | null>;
  #store: Promise<CheckpointStore | null> | null = null;

  constructor(disk: () => Promise<Disk | null> = openOpfs) {
    this.#disk = disk;
  }

  begin: CheckpointApi['begin'] = (settings, photo) =>
    this.#do(false, async (store) => {
      await store.begin(settings, photo);
      return true;
    });
  step: CheckpointApi['step'] = (...args) => this.#do(undefined, (store) => store.step(...args));
  remove: CheckpointApi['remove'] = (id) => this.#do(undefined, (store) => store.remove(id));
  list: CheckpointApi['list'] = () => this.#do([], (store) => store.list());
  photo: CheckpointApi['photo'] = (id) => this.#do(null, (store) => store.photo(id));
  settings: CheckpointApi['settings'] = (id) => this.#do(null, (store) => store.settings(id));
  load: CheckpointApi['load'] = (id) => this.#do(null, (store) => store.load(id));

  #do<T>(without: T, work: (store: CheckpointStore) => Promise<T>): Promise<Outcome<T>> {
    return this.#turn.run(() =>
      outcome(async () => {
        this.#store ??= this.#disk().then((disk) => disk && new CheckpointStore(disk));
        const store = await this.#store;
        return store ? work(store) : without;
      }),
    );
  }
}

/** The same, in a thread of its own or not. */
export type CheckpointDoor = CheckpointApi | Remote<CheckpointApi>;
