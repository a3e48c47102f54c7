/** Keeps one job's checkpoint up to date while it runs. Never the job's trouble: what fails here is told once. */
import { transfer } from 'comlink';
import type { Backend } from '../pipeline/backend.ts';
import type { JobState } from '../pipeline/state.ts';
import type { Outcome } from '../protocol.ts';
import { estimateHeader, type JobSettings, stepHeader, stepPayload } from './format.ts';
import type { CheckpointDoor } from './service.ts';

/** A disk that does not answer must not hold the job for longer. */
const WAIT_MS = 20_000;

export class JobKeeper {
  readonly id: string;
  readonly #door: CheckpointDoor;
  readonly #onTrouble: (detail: string) => void;
  readonly #wait: number;
  #sequence: number;
  #told = false;
  #begun = true;
  /** The write under way: there is never more than one. */
  #writing: Promise<void> = Promise.resolve();

  /**
   * @param sequence of the step that the job goes on from, 0 for a new one
   * @param onTrouble told once when something could not be written
   * @param wait most ms that a step waits for the write before it
   */
  constructor(
    id: string,
    sequence: number,
    door: CheckpointDoor,
    onTrouble: (detail: string) => void,
    wait: number = WAIT_MS,
  ) {
    this.#wait = wait;
    this.id = id;
    this.#door = door;
    this.#sequence = sequence;
    this.#onTrouble = onTrouble;
  }

  /** Writes settings and photo down, while the job goes on. */
  begin(settings: JobSettings, photo: Blob): void {
    this.#writing = this.#watch(this.#door.begin(settings, photo)).then((kept) => {
      this.#begun = kept === true;
    });
  }

  /** Waits for the write of the step before, within reason; this one's goes on while the job does. */
  async afterStep(state: JobState, backend: Pick<Backend, 'kind' | 'mode'>): Promise<void> {
    if (!(await this.#free()) || !this.#begun) return;
    this.#sequence += 1;
    const { kind, mode } = backend;
    const header = stepHeader(state, this.#sequence, { kind, mode });
    const halves = state.history.halves(state.step);
    // Copied here and now, since the job changes its latents in place; the copies are handed over.
    const latents = stepPayload(state);
    const copy = halves && bytesOf(halves);
    const estimate = copy && transfer({ header: estimateHeader(state), halves: copy }, [copy.buffer]);
    const written = this.#door.step(this.id, header, transfer(latents, [latents.buffer]), estimate);
    this.#writing = this.#watch(written).then(() => undefined);
  }

  /** Whether the write before has ended. */
  async #free(): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), this.#wait);
    });
    const free = await Promise.race([this.#writing.then(() => true), late]);
    clearTimeout(timer);
    return free;
  }

  /** The job is done with, well or at the person's wish: nothing of it stays. */
  async remove(): Promise<void> {
    await this.#writing;
    await this.#door.remove(this.id).catch(() => undefined);
  }

  async #watch<T>(work: Promise<Outcome<T>>): Promise<T | null> {
    const result = await work.catch((error: unknown) => ({ ok: false as const, detail: String(error) }));
    if (result.ok) return result.value;
    if (!this.#told) this.#onTrouble(result.detail);
    this.#told = true;
    return null;
  }
}

/** A copy as bytes. */
function bytesOf(data: Uint16Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(data.byteLength);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return bytes;
}
