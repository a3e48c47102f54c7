/** The engine's jobs and their checkpoints: what a job that is taken up again starts with, and what it leaves. */
import type { Manifest } from '../packs/manifest.ts';
import { sha256Hex } from '../packs/store.ts';
import type { Backend } from '../pipeline/backend.ts';
import type { JobState } from '../pipeline/state.ts';
import type { RestoreRequest, UnfinishedJob } from '../protocol.ts';
import { adoptEstimate, type JobSettings, toState } from './format.ts';
import { JobKeeper } from './keeper.ts';
import type { CheckpointApi } from './protocol.ts';

/** One job while it runs. */
export class KeptJob {
  /** Where the job stands; null before its first step. */
  state: JobState | null;
  readonly #keeper: JobKeeper;

  constructor(keeper: JobKeeper, state: JobState | null) {
    this.#keeper = keeper;
    this.state = state;
  }

  get id(): string {
    return this.#keeper.id;
  }

  async afterStep(state: JobState, backend: Pick<Backend, 'kind' | 'mode'>): Promise<void> {
    this.state = state;
    await this.#keeper.afterStep(state, backend);
  }

  /** The job is over, well or at the person's wish. */
  end(): Promise<void> {
    this.state = null;
    return this.#keeper.remove();
  }
}

export class KeptJobs {
  readonly #door: CheckpointApi;
  /** The last job, for as long as its photo is open: its state spares reading it back. */
  #last: KeptJob | null = null;

  constructor(door: CheckpointApi) {
    this.#door = door;
  }

  /**
   * A job that begins, or goes on.
   *
   * @param onTrouble told once when the job can't be kept
   */
  async take(
    request: RestoreRequest & { job: string },
    photo: Blob,
    manifest: Manifest,
    onTrouble: (detail: string) => void,
  ): Promise<KeptJob> {
    const { job: id } = request;
    if (request.resume && this.#last?.id === id) return this.#last;
    const pack = await packOf(manifest);
    const found = request.resume ? await this.#find(id, pack) : null;
    const keeper = new JobKeeper(id, found?.sequence ?? 0, this.#door, onTrouble);
    this.#last = new KeptJob(keeper, found?.state ?? null);
    if (!found) keeper.begin(settingsOf(request, photo, pack), photo);
    return this.#last;
  }

  async list(): Promise<UnfinishedJob[]> {
    const listed = await this.#door.list();
    return (listed.ok ? listed.value : []).map(({ settings, step }) => {
      const { id, photo, task, steps, seed, tile, switches, way } = settings;
      const named = { id, name: photo.name, task, step: Math.min(step, steps), steps, seed, tile, switches };
      return way ? { ...named, way } : named;
    });
  }

  async photo(id: string): Promise<File | null> {
    const photo = await this.#door.photo(id);
    return photo.ok ? photo.value : null;
  }

  async remove(id: string): Promise<void> {
    if (this.#last?.id === id) this.#last = null;
    await this.#door.remove(id);
  }

  /** Lets the memory of the last job go; what is on the disk stays. */
  forget(): void {
    this.#last = null;
  }

  /** Null when nothing was kept, or with another pack: then the job begins anew, under the same id. */
  async #find(id: string, pack: JobSettings['pack']): Promise<{ state: JobState | null; sequence: number } | null> {
    const settings = await this.#door.settings(id);
    if (!settings.ok || settings.value?.pack.manifest !== pack.manifest) return null;
    const loaded = await this.#door.load(id);
    if (!loaded.ok || !loaded.value) return { state: null, sequence: 0 };
    const { header, latents, estimates } = loaded.value;
    const state = toState(header, latents);
    if (state) for (const estimate of estimates) adoptEstimate(state, estimate.header, estimate.halves);
    return { state, sequence: header.sequence };
  }
}

async function packOf(manifest: Manifest): Promise<JobSettings['pack']> {
  const { name, version } = manifest;
  return { name, version, manifest: await sha256Hex(new TextEncoder().encode(JSON.stringify(manifest))) };
}

function settingsOf(request: RestoreRequest & { job: string }, photo: Blob, pack: JobSettings['pack']): JobSettings {
  const { job, task, steps, seed, tile, strength, way } = request;
  const { referenceId, guidanceEmbed, guidanceScale, firstBlockCache, skipUncond } = request;
  const { posterior, seen, promptLanguage, prompt } = request;
  return {
    id: job,
    began: Date.now(),
    photo: { name: photo instanceof File ? photo.name.slice(0, 1000) : '', type: photo.type.slice(0, 200) },
    task,
    steps,
    seed,
    tile: tile ?? null,
    switches: {
      ...(referenceId !== undefined && { referenceId }),
      ...(guidanceEmbed !== undefined && { guidanceEmbed }),
      ...(guidanceScale !== undefined && { guidanceScale }),
      ...(firstBlockCache !== undefined && { firstBlockCache }),
      ...(skipUncond !== undefined && { skipUncond }),
      ...(strength !== undefined && { strength }),
      ...(posterior !== undefined && { posterior }),
      ...(seen !== undefined && { seen }),
      ...(promptLanguage !== undefined && { promptLanguage }),
      ...(prompt !== undefined && { prompt }),
    },
    ...(way && { way }),
    pack,
  };
}

/** In place of a job that is kept. */
export const NOT_KEPT = { state: null, afterStep: async () => undefined, end: async () => undefined };
