/** What the engine worker and the thread that writes checkpoints say to each other (over comlink). */
import type { Outcome } from '../protocol.ts';
import type { JobSettings, StepHeader } from './format.ts';
import type { StoredJob, StoredStep } from './store.ts';

/** Calls are answered in the order in which they come. */
export interface CheckpointApi {
  /** Answers false where this browser keeps no files: then nothing else needs to be said. */
  begin(settings: JobSettings, photo: Blob): Promise<Outcome<boolean>>;
  step(
    id: string,
    header: StepHeader,
    latents: Uint8Array<ArrayBuffer>,
    estimate: StoredStep['estimates'][number] | null,
  ): Promise<Outcome<void>>;
  remove(id: string): Promise<Outcome<void>>;
  list(): Promise<Outcome<StoredJob[]>>;
  photo(id: string): Promise<Outcome<File | null>>;
  settings(id: string): Promise<Outcome<JobSettings | null>>;
  load(id: string): Promise<Outcome<StoredStep | null>>;
}
