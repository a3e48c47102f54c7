/**
 * First-block caching, an option: the change that the first block makes to the image tokens tells how much a step differs from
 * the last one that was computed. Where it differs by little, the blocks behind the first are left out, and what they added
 * then is added again. Decided for every tile and branch on its own. Not exact: `npm run bench -- caching` says what it costs.
 *
 * Method: first-block cache (ParaAttention) and DBCache (cache-dit), F1B0.
 */
import type { Backend, Tensor } from './backend.ts';
import type { TensorScope } from './scope.ts';
import type { FullStep } from './state.ts';

/** Of one tile and branch, from the last step that was computed. */
interface Kept {
  /** After the first block less before it. */
  readonly change: Tensor;
  /** After the last block less after the first one; the target's rows only where the last block makes no more. */
  readonly rest: Tensor;
}

type MixingBackend = Backend & Required<Pick<Backend, 'mix' | 'distance'>>;

/** What a tile was computed from: its number, 1-based, the 0-based step, and its latents before it. */
export type Origin = Omit<FullStep, 'branches'>;

/** Streams of image tokens that are held for each tile and branch between steps. */
export const HELD_STREAMS = 2;

export class BlockCache {
  readonly #backend: MixingBackend;
  readonly #threshold: number;
  /** Owns what is kept. */
  readonly #scope: TensorScope;
  readonly #kept = new Map<string, Kept>();
  readonly #changes = new Map<string, Tensor>();
  readonly #origins = new Map<string, Origin & { readonly branch: number }>();
  /** While kept things are computed again: which ones. */
  #again: ReadonlySet<string> | null = null;
  /** Branch steps that were computed, and that were not. */
  computed = 0;
  reused = 0;

  private constructor(backend: MixingBackend, threshold: number, scope: TensorScope) {
    this.#backend = backend;
    this.#threshold = threshold;
    this.#scope = scope;
  }

  /** Null where caching is off, or the backend can't do the sums. */
  static for(backend: Backend, threshold: number | undefined, scope: TensorScope): BlockCache | null {
    if (threshold === undefined || threshold <= 0 || !canMix(backend)) return null;
    return new BlockCache(backend, threshold, scope);
  }

  /**
   * @param before image tokens that the first block was given, float32 `[1, n, D]`
   * @param after what it made of them
   * @param scope owns the result
   * @returns what the last block would have put out; null where the blocks have to run, and `keep` has to follow
   */
  async reuse(tile: number, branch: number, before: Tensor, after: Tensor, scope: TensorScope): Promise<Tensor | null> {
    const key = keyOf(tile, branch);
    if (this.#again && !this.#again.has(key)) return null;
    const change = this.#scope.add(this.#backend.mix(after, before, -1));
    const kept = this.#again ? undefined : this.#kept.get(key);
    if (kept) {
      const { difference, size } = await this.#backend.distance(change, kept.change);
      // A NaN is no small difference.
      if (difference < this.#threshold * size) {
        this.#scope.drop(change);
        this.reused += 1;
        return scope.add(this.#backend.mix(kept.rest, after, 1));
      }
    }
    this.#forget(key);
    this.#changes.set(key, change);
    if (!this.#again) this.computed += 1;
    return null;
  }

  /** The blocks have run. @param after what the first one put out @param last what the last one put out */
  keep(origin: Origin, branch: number, after: Tensor, last: Tensor): void {
    const key = keyOf(origin.tile, branch);
    const change = this.#changes.get(key);
    if (!change) return;
    this.#changes.delete(key);
    this.#origins.set(key, { ...origin, branch });
    this.#kept.set(key, { change, rest: this.#scope.add(this.#backend.mix(last, after, -1)) });
  }

  /** What everything that is kept now was computed from. */
  fullSteps(): FullStep[] {
    const steps = new Map<string, FullStep & { branches: number[] }>();
    for (const { tile, step, latents, branch } of this.#origins.values()) {
      const known = steps.get(`${tile} ${step}`);
      if (known) known.branches.push(branch);
      else steps.set(`${tile} ${step}`, { tile, step, latents, branches: [branch] });
    }
    return [...steps.values()];
  }

  /** What a full step's branches kept is computed again by `work`, which runs that tile and step for them. */
  async again({ tile, branches }: FullStep, work: () => Promise<unknown>): Promise<void> {
    this.#again = new Set(branches.map((branch) => keyOf(tile, branch)));
    try {
      await work();
    } finally {
      this.#again = null;
    }
  }

  #forget(key: string): void {
    const kept = this.#kept.get(key);
    this.#kept.delete(key);
    const pending = this.#changes.get(key);
    this.#changes.delete(key);
    for (const tensor of [kept?.change, kept?.rest, pending]) if (tensor) this.#scope.drop(tensor);
  }
}

const keyOf = (tile: number, branch: number) => `${tile} ${branch}`;

function canMix(backend: Backend): backend is MixingBackend {
  return backend.mix !== undefined && backend.distance !== undefined;
}

/** `x + factor · y` on the processor; `y` may be longer. */
export function mixData(x: Float32Array, y: Float32Array, factor: number): Float32Array {
  return x.map((value, i) => value + factor * (y[i] as number));
}

/** Sums of |x - y| and |y|. */
export function distanceData(x: Float32Array, y: Float32Array): { difference: number; size: number } {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < y.length; i++) {
    difference += Math.abs((x[i] as number) - (y[i] as number));
    size += Math.abs(y[i] as number);
  }
  return { difference, size };
}
