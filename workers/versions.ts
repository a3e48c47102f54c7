/** Results of the open photo, and what they look like on top of each other. Only the newest two lie in memory. */
import { EngineError } from './errors.ts';
import { type Blend, blendLines } from './photo/blend.ts';
import type { Recipe } from './photo/meta/xmp.ts';
import type { KeptJob } from './pipeline/job.ts';

/** A result in a stack: what it restored is what the layers below it show. */
export interface Layer extends Blend {
  /** `RestoreResult.id`. */
  readonly version: number;
}

/** How a result came about. */
export interface Origin {
  readonly recipe: Recipe;
  /** What was restored: the photo with these layers, or as it is without any. */
  readonly base: readonly Layer[];
}

interface Version {
  recipe: Recipe;
  /** For `keepStep`; only of the newest. */
  steps: { readonly kept: KeptJob; readonly base: readonly Layer[] } | null;
  /** 8-bit RGB of the whole photo; null while it is parked. */
  rgb: Uint8Array<ArrayBuffer> | null;
  /** The same outside of this thread's memory: browsers put large blobs onto the disk. */
  parked: Blob | null;
}

const IN_MEMORY = 2;

export class Versions {
  readonly #all = new Map<number, Version>();

  /** Numbers of those in memory, the last used last. */
  #used: number[] = [];

  /** The newest result's number; null without one. */
  get newest(): number | null {
    return this.#all.size === 0 ? null : Math.max(...this.#all.keys());
  }

  add(id: number, rgb: Uint8Array, { recipe, base }: Origin, kept: KeptJob): void {
    for (const version of this.#all.values()) version.steps = null;
    this.#all.set(id, { recipe, steps: { kept, base }, rgb: rgb as Uint8Array<ArrayBuffer>, parked: null });
    this.#use(id);
  }

  /** Another step of the newest result in its place. */
  replace(id: number, rgb: Uint8Array, kept: KeptJob): void {
    const version = this.#get(id);
    version.rgb = rgb as Uint8Array<ArrayBuffer>;
    version.parked = null;
    if (version.steps) version.steps = { ...version.steps, kept };
    this.#use(id);
  }

  /** Says of a result which step it is. */
  setStep(id: number, step: number): void {
    const version = this.#all.get(id);
    if (version) version.recipe = { ...version.recipe, kept: step };
  }

  stepsOf(id: number | null): Version['steps'] {
    return id === null ? null : (this.#all.get(id)?.steps ?? null);
  }

  recipeOf({ version, strength, mask }: Layer, app: string): Recipe {
    return { ...this.#get(version).recipe, strength, masked: mask !== null, app };
  }

  drop(id: number): void {
    this.#all.delete(id);
  }

  clear(): void {
    this.#used = [];
    this.#all.clear();
  }

  /** What a job restored, as it came out of it. @throws EngineError 'internal' for a number that is not known */
  async restored(id: number): Promise<Uint8Array> {
    const version = this.#get(id);
    const rgb = version.rgb ?? new Uint8Array((await version.parked?.arrayBuffer()) ?? new ArrayBuffer());
    version.rgb = rgb;
    this.#use(id);
    return rgb;
  }

  /** The photo with all layers, from the lowest up, 8-bit RGB. */
  async shown(
    photo: { width: number; height: number; rgb: Uint8Array },
    layers: readonly Layer[],
  ): Promise<Uint8Array> {
    let below = photo.rgb;
    for (const layer of layers) {
      below = blendLines(below, await this.restored(layer.version), layer, photo, 0, photo.height);
    }
    return below;
  }

  /** What a job restores: the photo with all layers. Results make room for the job. */
  async input<P extends { width: number; height: number; rgb: Uint8Array }>(
    photo: P,
    layers: readonly Layer[],
  ): Promise<P> {
    const rgb = await this.shown(photo, layers);
    this.park();
    return { ...photo, rgb };
  }

  #get(id: number): Version {
    const version = this.#all.get(id);
    if (!version) throw new EngineError('internal', `result ${id} is not there any more`);
    return version;
  }

  /** Before a job, which needs the memory itself: two more copies of a large photo would be 6 bytes a px. */
  park(): void {
    for (const id of this.#used.splice(0)) this.#parkOne(id);
  }

  #use(id: number): void {
    this.#used = [...this.#used.filter((one) => one !== id), id];
    const surplus = Math.max(0, this.#used.length - IN_MEMORY);
    for (const other of this.#used.splice(0, surplus)) this.#parkOne(other);
  }

  #parkOne(id: number): void {
    const version = this.#all.get(id);
    if (!version?.rgb) return;
    version.parked ??= new Blob([version.rgb]);
    version.rgb = null;
  }
}
