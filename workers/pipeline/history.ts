import { narrowToHalves, widenHalves } from '../packs/half.ts';
import { type Latents, makeLatents, type Rect } from './latents.ts';

/** Kept whatever the photo's size: all steps of a four-step job up to 33 megapixels. */
const LEAST_LIMIT = 64 * 2 ** 20;

/**
 * The clean estimates z - t·v of a job's steps, as halves (0.5 byte a px each with 16 channels at 1/8), so that any
 * step can be made the result later; the job's own result is decoded from them as well. Halves are good to 5e-4 of a
 * latent, far below what a decoder shows.
 *
 * Where all steps would take more than the limit, the last one and an even choice of the others are kept.
 */
export class StepHistory {
  readonly steps: number;
  readonly #kept = new Map<number, Uint16Array>();
  readonly #wanted: Set<number>;
  readonly #shape: readonly [number, number, number];

  /**
   * @param shape channels, height and width of the whole photo's latents
   * @param limitBytes default: 64 MiB, or 1 byte a photo px where that is more
   */
  constructor(steps: number, shape: readonly [number, number, number], limitBytes?: number) {
    this.steps = steps;
    this.#shape = shape;
    const [channels, height, width] = shape;
    const bytes = 2 * channels * height * width;
    const limit = limitBytes ?? Math.max(LEAST_LIMIT, 64 * height * width);
    const room = Math.max(1, Math.min(steps, Math.floor(limit / bytes)));
    // With no steps at all (the DiT is off) "step" 0 holds the reference latents.
    this.#wanted = new Set(Array.from({ length: room }, (_, i) => Math.round(((i + 1) * steps) / room)));
  }

  /** Whether `keep` will hold this 1-based step. */
  wants(step: number): boolean {
    return this.#wanted.has(step);
  }

  keep(step: number, estimate: Latents): void {
    if (!this.wants(step)) return;
    const halves = new Uint16Array(estimate.data.length);
    narrowToHalves(estimate.data, halves);
    this.#kept.set(step, halves);
  }

  /** What `keep` made of a step, raw halves `[channels, h, w]`; null where that step was not kept. */
  halves(step: number): Uint16Array | null {
    return this.#kept.get(step) ?? null;
  }

  /** The way back: takes halves over. Those of a step that is not wanted, or of another size, are left out. */
  adopt(step: number, halves: Uint16Array): void {
    const [channels, height, width] = this.#shape;
    if (this.wants(step) && halves.length === channels * height * width) this.#kept.set(step, halves);
  }

  /** 1-based steps that can be decoded, rising. */
  available(): number[] {
    return [...this.#kept.keys()].sort((a, b) => a - b);
  }

  /** A rectangle (in latents) of the estimate after `step`, or null where that step was not kept. */
  crop(step: number, rect: Rect): Latents | null {
    const halves = this.#kept.get(step);
    if (!halves) return null;
    const [channels, height, width] = this.#shape;
    const out = makeLatents(channels, rect.height, rect.width);
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < rect.height; y++) {
        const from = (c * height + rect.y + y) * width + rect.x;
        const line = out.data.subarray((c * rect.height + y) * rect.width);
        widenHalves(halves.subarray(from, from + rect.width), line);
      }
    }
    return out;
  }
}
