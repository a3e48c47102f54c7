/**
 * The memory plan of a job on a GPU: how many bytes go to activations, tables and weights under the person's cap, and so
 * how many blocks stay. Pure. The cap is never found by filling memory: drivers spill to the host instead of failing.
 */
import type { Manifest, Mode } from '../packs/manifest.ts';
import { fedBytes, fedDType } from '../packs/weights.ts';
import type { JobSize } from '../pipeline/backend.ts';
import { branchesOf } from '../pipeline/guidance.ts';
import { blockInstances } from '../pipeline/plan.ts';
import { countTokens } from '../pipeline/tokens.ts';
import { graphOf } from './graphs.ts';
import { type BlockWeights, planWeights, type WeightPlan } from './weight-plan.ts';

/** What people are asked for where they said nothing: fits a 4 GB card with a browser and a desktop on it. */
export const DEFAULT_CAP = 3e9;

/**
 * Activations that ORT holds inside one block, in units of one stream `[n + T, D]` of the compute type. Measured on both
 * block types with the cache mode `lazyRelease` (`npm run bench -- stream`).
 */
const INNER_STREAMS = 13;

export interface MemoryPlan {
  /** Streams between blocks, and what ORT holds inside one. */
  readonly activationBytes: number;
  /** Modulation of all steps, text streams, rotary tables. */
  readonly tableBytes: number;
  readonly weights: WeightPlan;
  readonly totalBytes: number;
}

/** @param cap bytes of GPU memory that the app may take */
export function planMemory(manifest: Manifest, mode: Mode, size: JobSize, cap: number): MemoryPlan {
  const { family, switches } = manifest;
  const tokens = countTokens(manifest, size.width, size.height);
  const branches = branchesOf(switches.guidance).length;
  const stream = (tokens.image + tokens.text) * family.hidden;
  const compute = mode === 'f16' ? 2 : 4;
  const activationBytes = (branches + 1) * stream * 4 + INNER_STREAMS * stream * compute;

  const headDim = family.axesDim.reduce((sum, axis) => sum + axis, 0);
  const rope = 2 * tokens.image * (headDim / 2) * 4;
  const modulation = size.steps * (12 * family.double + 3 * family.single + 2) * family.hidden * 4;
  const texts = (switches.conditioning.kind === 'table' ? 1 : size.steps) * tokens.text * family.hidden * 4;
  const tableBytes = rope + branches * (modulation + texts);

  const weights = planWeights(blockWeights(manifest, mode), cap - activationBytes - tableBytes);
  const weightBytes = weights.residentBytes + weights.slotBytes + weights.stagingBytes;
  return { activationBytes, tableBytes, weights, totalBytes: activationBytes + tableBytes + weightBytes };
}

/** The blocks of a pack in the order in which they run, with their bytes as fed. */
export function blockWeights(manifest: Manifest, mode: Mode): BlockWeights[] {
  // A pack without its transformer can still encode and decode.
  const ids = blockInstances(manifest).filter((id) => Object.hasOwn(manifest.instances, id));
  return ids.map((id) => {
    const { id: graph, graph: spec } = graphOf(manifest, id);
    const bytes = spec.weights.reduce((sum, port) => {
      const shape = manifest.weights[manifest.instances[id]?.weights[port.name] ?? '']?.shape ?? [];
      return sum + Math.max(16, Math.ceil(fedBytes({ shape }, fedDType(port, mode)) / 16) * 16);
    }, 0);
    return { id, graph, bytes };
  });
}
