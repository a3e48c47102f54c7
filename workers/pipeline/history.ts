import { narrowToHalves, widenHalves } from '../packs/half.ts';
import { type Latents, makeLatents } from './latents.ts';

/** Kept whatever the photo's size: all steps of a four-step job up to 33 megapixels. */
const LEAST_LIMIT = 64 * 2 ** 20;

/**
 * The clean estimates z - t·v of a job's steps, as halves (0.5 byte a px each with 16 channels at 1/8), so that any
 * step can be made the result later. Halves are good to 5e-4 of a latent, far below what a decoder shows.
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
    const room = Math.min(steps, Math.max(1, Math.floor(limit / bytes)));
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

  has(step: number): boolean {
    return this.#kept.has(step);
  }

  /** 1-based steps that can be decoded, rising. */
  available(): number[] {
    return [...this.#kept.keys()].sort((a, b) => a - b);
  }

  /** A copy of the estimate after `step`, or null where it was not kept. */
  latents(step: number): Latents | null {
    const halves = this.#kept.get(step);
    if (!halves) return null;
    const latents = makeLatents(...this.#shape);
    widenHalves(halves, latents.data);
    return latents;
  }
}
