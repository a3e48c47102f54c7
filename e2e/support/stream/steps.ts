/**
 * Sampling steps of a pack's transformer on drawn latents and text, without VAE and text side: the same in the browser and in
 * Node, so that their numbers can be compared.
 */
import type { Manifest } from '../../../workers/packs/manifest.ts';
import type { Backend, JobSize } from '../../../workers/pipeline/backend.ts';
import { Calls } from '../../../workers/pipeline/calls.ts';
import { makeDenoiser, velocityOf } from '../../../workers/pipeline/denoise.ts';
import { branchesOf } from '../../../workers/pipeline/guidance.ts';
import { noiseLatents } from '../../../workers/pipeline/noise.ts';
import { planJob } from '../../../workers/pipeline/plan.ts';
import { ProgressMeter } from '../../../workers/pipeline/progress.ts';
import { makeModulations, makeText } from '../../../workers/pipeline/prologue.ts';
import { withScope } from '../../../workers/pipeline/scope.ts';

/** Three text tokens and padding, which is one row. */
const TEXT_ROWS = 4;

/** `rows × width` numbers that are always the same for a seed. */
function drawn(seed: number, rows: number, width: number): Float32Array {
  const rect = { x: 0, y: 0, width, height: Math.ceil(rows / 16) };
  return noiseLatents(seed, 16, rect).data.slice(0, rows * width);
}

/**
 * @param size of the one tile; `steps` steps from t = 1 downwards, each from the same latents
 * @param onStep told the milliseconds of each step
 * @returns guided velocity of each step, `[16, height / 8, width / 8]`
 */
export function sampleSteps(
  backend: Backend,
  manifest: Manifest,
  size: JobSize,
  onStep: (milliseconds: number) => void = () => undefined,
): Promise<Float32Array[]> {
  const { family, switches } = manifest;
  const plan = planJob(manifest, backend, size, Math.max(size.width, size.height));
  const calls = new Calls(backend, manifest, new ProgressMeter(), undefined);
  return withScope(async (scope) => {
    const textRows = Int32Array.from({ length: family.contextTokens }, (_, row) => Math.min(row, TEXT_ROWS - 1));
    const conditions = branchesOf(switches.guidance).map((_, branch) => {
      const text = drawn(branch, TEXT_ROWS, family.contextDim);
      const context = calls.upload(scope, 'float32', [1, TEXT_ROWS, family.contextDim], text);
      const pooled = calls.upload(scope, 'float32', [1, family.pooledDim], drawn(branch + 9, 1, family.pooledDim));
      return { conditions: [{ context, pooled }], textRows };
    });
    const times = Array.from({ length: size.steps }, (_, k) => 1 - k / size.steps);
    const mods = await makeModulations(calls, conditions, times, scope);
    const prologues = [];
    for (const [branch, condition] of conditions.entries()) {
      prologues.push({ ...(await makeText(calls, condition, scope)), mods: mods[branch] ?? new Map() });
    }
    const denoiser = makeDenoiser(calls, plan, size.steps, prologues, scope);
    const rect = { x: 0, y: 0, width: size.width / family.factor, height: size.height / family.factor };
    const latents = noiseLatents(4, family.latentChannels, rect);
    const reference = noiseLatents(3, family.latentChannels, rect);
    const velocities: Float32Array[] = [];
    for (const [step, t] of times.entries()) {
      const start = performance.now();
      velocities.push((await velocityOf(calls, denoiser, latents, reference, step, t)).data);
      onStep(performance.now() - start);
    }
    return velocities;
  });
}
