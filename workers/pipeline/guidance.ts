/** Classifier-free guidance: how the velocities of the branches become one. */
import type { Switches } from '../packs/manifest.ts';

export type GuidanceSpec = Switches['guidance'];
export type Branch = 'cond' | 'uncond';

/** Branches to run, in the order in which `guide` wants their velocities. */
export function branchesOf(spec: GuidanceSpec): readonly Branch[] {
  return spec.kind === 'cfg' ? ['cond', 'uncond'] : ['cond'];
}

/**
 * `none`: the conditional velocity as it is. `cfg`: u + s (c - u) / f, where above `truncate` f = n^power for tokens
 * whose difference c - u has an L2 norm n > 1 over its features, and 1 otherwise. (The reference computes the rescale
 * early in the flow only, where the difference is largest.)
 *
 * @param velocities one array a branch, `[tokens, features]`, in the order of `branchesOf`
 * @param features features a token
 * @param t the step's timestep in [0,1]
 * @returns the guided velocity; may be `velocities[0]` itself
 */
export function guide(
  spec: GuidanceSpec,
  velocities: readonly Float32Array[],
  features: number,
  t: number,
): Float32Array {
  const cond = velocities[0];
  if (!cond) throw new RangeError('guidance needs a velocity');
  if (spec.kind === 'none') return cond;
  const uncond = velocities[1];
  if (uncond?.length !== cond.length) throw new RangeError('cfg needs two velocities of one size');
  const out = new Float32Array(cond.length);
  for (let token = 0; token < cond.length; token += features) {
    let squares = 0;
    for (let i = token; i < token + features; i++) squares += ((cond[i] as number) - (uncond[i] as number)) ** 2;
    const norm = Math.sqrt(squares);
    const scale = t > spec.truncate && norm > 1 ? spec.scale / norm ** spec.power : spec.scale;
    for (let i = token; i < token + features; i++) {
      const u = uncond[i] as number;
      out[i] = u + scale * ((cond[i] as number) - u);
    }
  }
  return out;
}
