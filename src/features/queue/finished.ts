/** A result that could not be put anywhere, e.g. on a full disk: it waits in memory, so that its photo is restored once. */
import type { useApp } from '../../store/index.ts';
import type { QueueItem } from '../../store/queueSlice.ts';

export interface Finished {
  /** Of its item. */
  readonly id: string;
  /** What it was made with: where something else is wanted by now, it is of no use. */
  readonly made: string;
  readonly task: string;
  readonly ending: string;
  readonly file: Blob;
}

const WANTED: readonly (QueueItem['status'] | undefined)[] = ['waiting', 'running'];

/** One result at most: the queue stops when it has to keep one. */
export class FinishedOne {
  readonly #store: Pick<typeof useApp, 'getState' | 'subscribe'>;
  #kept: Finished | null = null;
  #stop: () => void = () => {};

  constructor(store: Pick<typeof useApp, 'getState' | 'subscribe'>) {
    this.#store = store;
  }

  get id(): string | undefined {
    return this.#kept?.id;
  }

  /** Until its item is done, skipped or no longer in the queue, or all data is deleted. */
  keep(finished: Finished): void {
    this.#drop();
    this.#kept = finished;
    this.#stop = this.#store.subscribe(({ queue }) => {
      if (!WANTED.includes(queue.find(({ id }) => id === finished.id)?.status)) this.#drop();
    });
  }

  /** Lets go of it where it is this item's and not what is wanted any more. */
  of(id: string, made: string): Finished | null {
    if (this.#kept?.id === id && this.#kept.made !== made) this.#drop();
    return this.#kept?.id === id ? this.#kept : null;
  }

  #drop(): void {
    this.#kept = null;
    this.#stop();
    this.#stop = () => {};
  }
}
