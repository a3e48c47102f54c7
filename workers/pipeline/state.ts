/** What a job needs to go on from the end of a step, and what a step's values must be like before they are kept. */
import { EngineError } from '../errors.ts';
import type { StepHistory } from './history.ts';
import type { Latents } from './latents.ts';

/**
 * What first-block caching holds of a tile is as large as its streams of tokens. What it was computed from is small: with that, a job
 * that goes on computes it again.
 */
export interface FullStep {
  /** 1-based. */
  readonly tile: number;
  /** The last step that was computed in full, 0-based, for these branches. */
  readonly step: number;
  readonly branches: readonly number[];
  /** The tile's latents before that step, `[channels, h, w]`. Never changed. */
  readonly latents: Float32Array;
}

/** What steps that are not computed in full need of earlier ones. */
export interface Saved {
  readonly fullSteps: readonly FullStep[];
  /** `Denoiser.differences`: by tile, raw velocity with prompt less the one without; as long as a tile's latents. */
  readonly differences: ReadonlyMap<number, Float32Array>;
}

/** A job after one of its steps. Plain data: no tensors. */
export interface JobState {
  /** Steps that are done, of `history.steps`. */
  readonly step: number;
  /** `side` of the plan: timesteps and overlaps depend on it. */
  readonly tile: number;
  /** Latents of the whole padded photo after `step`, float32. The running job changes them in place at its next step. */
  readonly latents: Latents;
  /** Clean estimates up to `step`. */
  readonly history: StepHistory;
  /** With caching, or without the branch without prompt. */
  readonly saved?: Saved;
}

/** Latents of a VAE are about 1 in size and noise stays below 6: what is a thousand times that was computed wrongly. */
export const SANE_LIMIT = 5000;

/** A job can go on from a state only with the very plan that made it; anything else would be another result. */
export function fits(state: JobState, tile: number, steps: number, latents: Omit<Latents, 'data'>): boolean {
  const { channels, height, width } = state.latents;
  return (
    state.tile === tile &&
    state.history.steps === steps &&
    state.step <= steps &&
    channels === latents.channels &&
    height === latents.height &&
    width === latents.width
  );
}

/**
 * Checks an Euler step before it is made, so that the latents of the last good step stay whole.
 *
 * @param t the step's timestep
 * @param next the timestep that it leads to
 * @param step 1-based, for the message
 * @throws EngineError 'bad-numbers' when a value of the result is not finite or beyond `SANE_LIMIT`
 */
export function checkStep(latents: Latents, velocity: Latents, t: number, next: number, step: number): void {
  for (let i = 0; i < latents.data.length; i++) {
    const z = (latents.data[i] as number) + (next - t) * (velocity.data[i] as number);
    // Not the other way round: a comparison with NaN is false.
    if (!(Math.abs(z) <= SANE_LIMIT)) {
      throw new EngineError('bad-numbers', `step ${step}: a latent would be ${z}`, { step });
    }
  }
}
