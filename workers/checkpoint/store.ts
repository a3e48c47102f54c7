/**
 * Checkpoints on the disk, one folder a job:
 *
 *   jobs/<id>/job            settings and the photo's file, written once
 *   jobs/<id>/step-0, -1     the newest step and the one before, in turn: a write that is cut off spoils one of them only
 *   jobs/<id>/estimate-<k>   the clean estimate after step k
 *
 * A job that has ended leaves nothing. What is broken is passed over when it is read.
 */
import type { Disk } from '../packs/disk.ts';
import {
  type EstimateHeader,
  estimateSchema,
  type JobSettings,
  jobId,
  type StepHeader,
  settingsSchema,
  stepSchema,
} from './format.ts';
import { encodeRecord, isWhole, type OpenRecord, openRecord, RECORD_HEAD } from './record.ts';

const ROOT = 'jobs';
/** Unfinished jobs that are kept, the newest: each holds a whole photo. */
const MOST_JOBS = 3;
/** A worker that was ended a moment ago may still have the file open. */
const TRIES = 40;
const PAUSE_MS = 50;

/** A step as it travels between threads; `toState` makes a `JobState` of it. */
export interface StoredStep {
  readonly header: StepHeader;
  /** Bytes of float32. */
  readonly latents: Uint8Array<ArrayBuffer>;
  readonly estimates: readonly { readonly header: EstimateHeader; readonly halves: Uint8Array<ArrayBuffer> }[];
}

export interface StoredJob {
  readonly settings: JobSettings;
  /** Steps that are done, as far as the files' heads say. */
  readonly step: number;
}

/** Calls must come one after the other. Methods throw what the disk throws. */
export class CheckpointStore {
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** A new job. Of earlier ones that were left unfinished, the oldest go. */
  async begin(settings: JobSettings, photo: Blob): Promise<void> {
    for (const { settings: old } of (await this.list()).slice(MOST_JOBS - 1)) await this.remove(old.id);
    // The same job with another pack starts over: steps of the old one must not be taken for its own.
    await this.remove(settings.id);
    try {
      await this.#write(`${ROOT}/${settings.id}/job`, settings, new Uint8Array(await photo.arrayBuffer()));
    } catch (error) {
      await this.remove(settings.id).catch(() => undefined);
      throw error;
    }
  }

  /** Writes down where a job stands. */
  async step(
    id: string,
    header: StepHeader,
    latents: Uint8Array<ArrayBuffer>,
    estimate: StoredStep['estimates'][number] | null,
  ): Promise<void> {
    const folder = `${ROOT}/${id}`;
    if (estimate) await this.#write(`${folder}/estimate-${estimate.header.step}`, estimate.header, estimate.halves);
    await this.#write(`${folder}/step-${header.sequence % 2}`, header, latents);
  }

  async remove(id: string): Promise<void> {
    await this.#patiently(() => this.#disk.remove(`${ROOT}/${jobId.parse(id)}`));
  }

  /** Jobs that can be taken up again, the newest first. Folders without settings that can be read are removed. */
  async list(): Promise<StoredJob[]> {
    const jobs: StoredJob[] = [];
    for (const { name, folder } of await this.#disk.list(ROOT)) {
      if (!folder || !jobId.safeParse(name).success) continue;
      const settings = await this.#settings(name);
      if (settings) jobs.push({ settings, step: (await this.#steps(name))[0]?.header.step ?? 0 });
      else await this.remove(name).catch(() => undefined);
    }
    return jobs.sort((a, b) => b.settings.began - a.settings.began);
  }

  /** The photo's file of a job; null where it is not whole. */
  async photo(id: string): Promise<File | null> {
    const path = `${ROOT}/${jobId.parse(id)}/job`;
    const settings = await this.#settings(id);
    const bytes = settings && (await this.#payload(path));
    if (!settings || !bytes) return null;
    return new File([bytes], settings.photo.name, { type: settings.photo.type });
  }

  async settings(id: string): Promise<JobSettings | null> {
    return this.#settings(jobId.parse(id));
  }

  /** The newest step of a job that is whole; null where none is: the job starts from the beginning. */
  async load(id: string): Promise<StoredStep | null> {
    const folder = `${ROOT}/${jobId.parse(id)}`;
    for (const { header, path } of await this.#steps(id)) {
      const latents = await this.#payload(path);
      if (!latents) continue;
      const estimates: StoredStep['estimates'][number][] = [];
      for (let step = 1; step <= header.step; step++) {
        const file = `${folder}/estimate-${step}`;
        const head = estimateSchema.safeParse((await this.#open(file))?.body);
        const halves = head.success ? await this.#payload(file) : null;
        if (head.success && halves && head.data.step === step) estimates.push({ header: head.data, halves });
      }
      // After its last step a job only decodes that estimate.
      const decodes = header.step === header.steps;
      if (decodes && estimates.at(-1)?.header.step !== header.steps) continue;
      return { header, latents, estimates };
    }
    return null;
  }

  async #settings(id: string): Promise<JobSettings | null> {
    const parsed = settingsSchema.safeParse((await this.#open(`${ROOT}/${id}/job`))?.body);
    return parsed.success && parsed.data.id === id ? parsed.data : null;
  }

  /** Step files whose heads are whole, the newest first. */
  async #steps(id: string): Promise<{ header: StepHeader; path: string }[]> {
    const found: { header: StepHeader; path: string }[] = [];
    for (const slot of [0, 1]) {
      const path = `${ROOT}/${id}/step-${slot}`;
      const header = stepSchema.safeParse((await this.#open(path))?.body);
      if (header.success) found.push({ header: header.data, path });
    }
    return found.sort((a, b) => b.header.sequence - a.header.sequence);
  }

  async #open(path: string): Promise<OpenRecord | null> {
    return this.#read(path, async (size, read) => openRecord(await read(0, Math.min(RECORD_HEAD, size)), size));
  }

  async #payload(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#read(path, async (size, read) => {
      const record = await openRecord(await read(0, Math.min(RECORD_HEAD, size)), size);
      if (!record) return null;
      const payload = await read(record.start, record.bytes);
      return (await isWhole(record, payload)) ? payload : null;
    });
  }

  async #read<T>(
    path: string,
    use: (size: number, read: (at: number, bytes: number) => Promise<Uint8Array<ArrayBuffer>>) => Promise<T | null>,
  ): Promise<T | null> {
    if ((await this.#disk.stat(path)) === null) return null;
    const reader = await this.#patiently(() => this.#disk.openRead(path));
    try {
      return await use(reader.bytes, async (at, bytes) => {
        const target = new Uint8Array(bytes);
        return target.subarray(0, await reader.read(target, at));
      });
    } finally {
      reader.close();
    }
  }

  async #write(path: string, body: unknown, payload: Uint8Array<ArrayBuffer>): Promise<void> {
    const head = await encodeRecord(body, payload);
    const file = await this.#patiently(() => this.#disk.openWrite(path));
    try {
      file.truncate(0);
      for (const [bytes, at] of [
        [head, 0],
        [payload, head.byteLength],
      ] as const) {
        if (file.write(bytes, { at }) !== bytes.byteLength) throw new DOMException('no room', 'QuotaExceededError');
      }
      file.flush();
    } finally {
      file.close();
    }
  }

  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        const busy = error instanceof DOMException && error.name === 'NoModificationAllowedError';
        if (!busy || attempt === TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }
}
