import type { Manifest } from '../packs/manifest.ts';
import { encoderInstances } from '../packs/manifest-encoder.ts';
import { callKind, waitKind } from './chain.ts';
import { chainShapes, chainSteps, type Shapes } from './chain-plan.ts';
import { planTag } from './denoise.ts';
import { blockInstances, branchCount, chainInputs, graphOf, type JobPlan, previewKind, skipNames } from './plan.ts';
import type { PlannedCalls } from './progress.ts';
import { modInstances } from './prologue.ts';
import { encoderOf } from './qwen/choices.ts';
import { READ_TAG } from './qwen/read.ts';

interface CallOptions {
  /** Whether every tile is encoded for its latents; not so when kept latents are decoded. */
  readonly encodes?: boolean;
  /** Whether somebody looks at the steps. */
  readonly paints?: boolean;
  /** Steps that were done before this job, and how many of them are painted again. */
  readonly done?: number;
  readonly replayed?: number;
  /** Parts of steps that are computed once more, each with its number of branches. */
  readonly again?: readonly number[];
}

/**
 * The graph calls and downloads of a job by kind, for the progress meter. Weights matter only until a kind is measured: a tile's
 * encode, its decode and one branch of one step are taken to cost about the same.
 *
 * @param steps 0 when the DiT does not run
 */
export function plannedCalls(
  manifest: Manifest,
  plan: JobPlan,
  steps: number,
  { encodes = true, paints = true, done = 0, replayed = 0, again: parts = [] }: CallOptions = {},
): Map<string, PlannedCalls> {
  const calls = new Map<string, PlannedCalls>();
  const add = (kind: string, count: number, weight: number) => {
    if (count === 0) return;
    calls.set(kind, { count: (calls.get(kind)?.count ?? 0) + count, weight });
  };
  const addChain = (chain: readonly string[], given: Shapes, size: string, times: number, weight: number) => {
    for (const step of chainSteps(manifest, chain, given, plan.bandBytes)) {
      add(callKind(step.id, size), times * step.calls, (weight * step.share) / step.calls);
      if (step.statistics) add(waitKind('statistics', size), times, 0.0001);
    }
  };
  const addReading = () => {
    const encoder = encoderOf(manifest);
    if (encoder === null) return;
    // A block of the language model is as much work as some of the transformer's; those of the tower are a fifth of it.
    for (const id of encoderInstances(encoder)) {
      add(callKind(graphOf(manifest, id), READ_TAG), 1, id.startsWith('text.') ? 0.02 : 0.004);
    }
    add(waitKind('read', ''), 1, 0.01);
  };
  const { family, switches, vae } = manifest;
  const tag = planTag(plan);
  const tiles = plan.tiles.length;
  const branches = branchCount(manifest);
  const perStep = steps > 0 ? branches : 0;

  const conditioning = switches.conditioning;
  const needed = steps > 0 || chainInputs(manifest, vae.decode).has('pooled');
  if (!needed) {
    // Nothing of the text side is asked for.
  } else if (conditioning.kind === 'table') {
    const small = `thumb ${conditioning.thumb}`;
    const times = steps > 0 ? branches : 1;
    const thumb = { photo: [1, 3, conditioning.thumb, conditioning.thumb] };
    addChain(vae.encode, thumb, small, times, 0.02);
    add(callKind('conditioning', small), times, 0.001);
    add(callKind('context', ''), perStep, 0.001);
  } else {
    addReading();
    add(callKind('connector', ''), steps * branches, 0.05);
    add(callKind('context', ''), steps * branches, 0.001);
    if (steps > 1) add(waitKind('pooled', ''), steps * branches, 0.001);
  }
  add(callKind('vec', ''), perStep, 0.001);
  add(callKind('mod', ''), perStep * modInstances(family.double, family.single).length, 0.001);

  const skips = skipNames(manifest).length > 0;
  const previews = paints && previewKind(manifest, plan) === 'decoder' ? Math.max(0, steps - 1 - done) + replayed : 0;
  const again = skips ? (tiles - (encodes ? plan.cachedTiles : 0)) * (previews + 1) : 0;
  const first = encodes ? tiles : 0;
  const photo = [1, 3, plan.y.size, plan.x.size];
  const latents = [1, family.latentChannels, plan.y.size / family.factor, plan.x.size / family.factor];
  addChain(vae.encode, { photo }, tag, first + again, 1);
  const encoded = skips ? chainShapes(manifest, vae.encode, { photo }, plan.bandBytes) : {};
  addChain(vae.decode, { ...encoded, photo, latents }, tag, tiles * (previews + 1), 1);

  add(waitKind('encode', tag), first, 0.01);
  add(waitKind('decode', tag), tiles * (previews + 1), 0.01);

  const tileSteps = tiles * (steps - done);
  const branchSteps = tileSteps * branches + parts.reduce((sum, each) => sum + each, 0);
  add(callKind('embed', tag), tileSteps + parts.length, 0.05);
  const ids = blockInstances(manifest);
  for (const id of ids) add(callKind(graphOf(manifest, id), tag), branchSteps, 1 / ids.length);
  add(callKind('final', tag), branchSteps, 0.05);
  add(waitKind('denoise', tag), branchSteps, 0.01);
  return calls;
}
