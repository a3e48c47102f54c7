/** The blocks of the transformer for tiles and branches of one step: each block runs for all before the next one is touched. */
import { EngineError } from '../errors.ts';
import type { Tensor } from './backend.ts';
import type { Calls } from './calls.ts';
import { callKind, waitKind } from './chain.ts';
import type { Denoiser, Part } from './denoise.ts';
import { blockInstances, graphOf } from './instances.ts';
import type { Latents } from './latents.ts';
import type { Prologue } from './prologue.ts';
import { type TensorScope, withScope } from './scope.ts';

/** One branch of one tile on its way through the blocks. */
interface Way {
  readonly part: number;
  readonly tile: number;
  readonly branch: number;
  readonly prologue: Prologue;
  /** What the first block is given; the tile's branches share it. */
  readonly embedded: Tensor;
  img: Tensor;
  /** The last block may have no use for it any more, and put none out. */
  txt: Tensor | undefined;
  /** With caching: what the first block put out, to be kept with what follows. */
  first: Tensor | null;
  /** With caching: the other blocks are not run. */
  reused: boolean;
}

/**
 * @param branches how many of the denoiser's branches each part runs, from the first on
 * @param step 0-based
 * @returns raw velocity tokens, one array a branch for each part
 */
export async function runBlocks(
  calls: Calls,
  denoiser: Denoiser,
  parts: readonly Part[],
  branches: readonly number[],
  step: number,
): Promise<Float32Array[][]> {
  const { manifest } = calls;
  const { tag, cos, sin, cache } = denoiser;
  const stepTensor = denoiser.steps[step];
  if (!stepTensor) throw new EngineError('internal', `no step ${step}`);
  const options = { queryChunks: denoiser.plan.queryChunks };
  const blocks = blockInstances(manifest);
  const prefetch = (at: number) => {
    const id = blocks[at];
    if (id !== undefined) calls.backend.prefetch?.(id);
  };
  prefetch(0);
  return withScope(async (scope) => {
    const ways: Way[] = [];
    for (const [part, { tile, latents, reference }] of parts.entries()) {
      calls.place.tile = tile;
      const img = await embed(calls, latents, reference, scope, tag);
      for (const [branch, prologue] of denoiser.prologues.slice(0, branches[part]).entries()) {
        const txt = prologue.txt[step] ?? prologue.txt[0];
        ways.push({ part, tile, branch, prologue, embedded: img, img, txt, first: null, reused: false });
      }
    }
    for (const [at, id] of blocks.entries()) {
      if (ways.every(({ reused }) => reused)) break;
      prefetch(at + 1);
      const kind = callKind(graphOf(manifest, id), tag);
      const spent = new Set<Tensor>();
      for (const way of ways) {
        if (way.reused) {
          calls.skipped(kind);
          continue;
        }
        calls.place.tile = way.tile;
        const { prologue, img, txt } = way;
        const rows = prologue.textRows ? { text_rows: prologue.textRows } : {};
        const feeds = { img, ...(txt && { txt }), cos, sin, step: stepTensor, ...rows, ...modsOf(prologue, id) };
        const outputs = await calls.run(id, feeds, scope, kind, options);
        for (const tensor of [img, txt]) if (tensor && tensor !== way.first) spent.add(tensor);
        way.img = imageOf(outputs.img);
        way.txt = outputs.txt;
        if (at > 0 || !cache || blocks.length < 3) continue;
        const kept = await cache.reuse(way.tile, way.branch, way.embedded, way.img, scope);
        if (kept) {
          spent.add(way.img);
          if (way.txt) spent.add(way.txt);
          way.img = kept;
          way.reused = true;
        } else way.first = way.img;
      }
      // A tile's branches share the embedded image: dropped once, after all of them have read it.
      for (const tensor of spent) scope.drop(tensor);
    }
    for (const { part, tile, branch, first, img } of ways) {
      const latents = parts[part]?.latents.data;
      if (first && latents) cache?.keep({ tile, step, latents }, branch, first, img);
    }

    const velocities: Float32Array[][] = parts.map(() => []);
    for (const { part, tile, img, prologue } of ways) {
      calls.place.tile = tile;
      const feeds = { img, step: stepTensor, ...modsOf(prologue, 'final') };
      const { velocity } = await calls.run('final', feeds, scope, callKind('final', tag));
      if (velocity) velocities[part]?.push(await calls.download(velocity, waitKind('denoise', tag)));
    }
    return velocities;
  });
}

async function embed(calls: Calls, latents: Latents, reference: Latents, scope: TensorScope, tag: string) {
  const upload = ({ data, channels, height, width }: Latents) =>
    calls.upload(scope, 'float32', [1, channels, height, width], data);
  const pair = { latents: upload(latents), reference: upload(reference) };
  const { img } = await calls.run('embed', pair, scope, callKind('embed', tag));
  // With many tiles at a time they would lie there until the last block.
  scope.drop(pair.latents);
  scope.drop(pair.reference);
  return imageOf(img);
}

function imageOf(img: Tensor | undefined): Tensor {
  if (!img) throw new EngineError('pack-damaged', 'a block without image stream');
  return img;
}

/** Modulation inputs of a block: "double.0.img_mod" is its input `img_mod`. */
function modsOf(prologue: Prologue, id: string): Record<string, Tensor> {
  const inputs: Record<string, Tensor> = {};
  for (const [mod, tensor] of prologue.mods) {
    if (mod.startsWith(`${id}.`)) inputs[mod.slice(id.length + 1)] = tensor;
  }
  return inputs;
}
