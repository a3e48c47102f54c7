/** The plan of a job: tile side, query chunks, what is kept. Pure; memory of the model is bounded by the tile. */
import { EngineError } from '../errors.ts';
import type { Manifest } from '../packs/manifest.ts';
import type { Backend } from './backend.ts';
import { chainPorts } from './bands.ts';
import { chainShapes } from './chain-plan.ts';
import { branchesOf } from './guidance.ts';
import { blockInstances, graphOf } from './instances.ts';
import { planTiles, roundUp, type TilePlan } from './tiles.ts';
import { countTokens } from './tokens.ts';
import { longestDispatch } from './work.ts';

export { blockInstances, graphOf };

/** Smallest tile that running out of memory leads to. */
export const LEAST_TILE = 128;

/**
 * Attention computes Sq · Skv · headDim · 4 bytes' worth of products in one call: above 2^32 the wasm kernel refuses,
 * and on a GPU one dispatch of that size comes near the driver's time limit. Chunks stay below 2^30.
 */
const ATTENTION_LIMIT = 2 ** 30;

const DEFAULT_SKIP_CACHE = 256e6;

/**
 * Most that one tensor of a call in bands may take, where a job doesn't say. A call holds six to eight such tensors. On wasm
 * they lie in a heap that never shrinks, and a call must not be long; a GPU wants fewer, larger calls.
 */
const BAND_BYTES: Record<Backend['kind'], number> = { webgpu: 64 * 2 ** 20, wasm: 4 * 2 ** 20, cpu: 16 * 2 ** 20 };

/** Channels of the widest convolution that a pack of the family has, 3 × 3. */
const WIDEST = 512;

export function defaultBandBytes(kind: Backend['kind'], macsPerSecond: number = Number.POSITIVE_INFINITY): number {
  // Each float that a band puts out took 9 · channels multiply-adds.
  return Math.min(BAND_BYTES[kind], (4 * DISPATCH_SECONDS * macsPerSecond) / (9 * WIDEST));
}

/** A dispatch that takes longer comes near what drivers allow (2 s on Windows) on a device that is not quite as quick. */
export const DISPATCH_SECONDS = 0.5;

export interface JobPlan extends TilePlan {
  /** Longest side of a tile that was allowed. */
  readonly side: number;
  readonly queryChunks: number;
  /** Tiles whose skip tensors stay; the others are encoded again. */
  readonly cachedTiles: number;
  /** Most that one tensor of a call in bands may take. */
  readonly bandBytes: number;
  /** What the longest dispatch of a block will take by the device's measured rate; null where none was measured. */
  readonly dispatchMs: number | null;
}

/** The tile side that a pack wants on a backend. */
export function packTile(manifest: Manifest, kind: Backend['kind']): number {
  return kind === 'webgpu' ? manifest.tile.gpu : manifest.tile.wasm;
}

/**
 * @param tile side asked for in px; rounded down to the family's unit, at least one unit; the pack's own where absent.
 *   Made smaller where the pack has no graph with enough query chunks, or a dispatch would take longer than
 *   `DISPATCH_SECONDS` by the rate that was measured on the device.
 */
export function planJob(
  manifest: Manifest,
  backend: Pick<Backend, 'kind' | 'mode' | 'macsPerSecond'>,
  photo: { readonly width: number; readonly height: number },
  tile?: number,
  skipCacheBytes: number = DEFAULT_SKIP_CACHE,
  bandBytes: number = defaultBandBytes(backend.kind, backend.macsPerSecond),
): JobPlan {
  const unit = manifest.family.factor * manifest.family.patch;
  const down = (px: number) => Math.max(unit, Math.floor(px / unit) * unit);
  const variants = chunkVariants(manifest, backend.mode);
  const whole = roundUp(Math.max(photo.width, photo.height), unit);
  for (let side = Math.min(whole, down(tile ?? packTile(manifest, backend.kind))); ; side -= unit) {
    // Half a tile at most: more would make tiles crawl. A side of one unit has no room for an overlap.
    const overlap = Math.min(down(manifest.tile.overlap), Math.floor(side / 2 / unit) * unit);
    const plan = planTiles(photo.width, photo.height, side, overlap, unit);
    const needed = neededChunks(manifest, plan.x.size, plan.y.size);
    const { macsPerSecond } = backend;
    const seconds = (chunks: number) =>
      macsPerSecond === undefined
        ? 0
        : longestDispatch(manifest, plan.x.size, plan.y.size, chunks).macs / macsPerSecond;
    const queryChunks = variants.find(
      (chunks) => chunks >= needed && (side <= LEAST_TILE || seconds(chunks) <= DISPATCH_SECONDS),
    );
    if (queryChunks !== undefined) {
      const perTile = skipBytes(manifest, plan.x.size, plan.y.size);
      const cachedTiles = perTile === 0 ? plan.tiles.length : Math.floor(skipCacheBytes / perTile);
      const dispatchMs = macsPerSecond === undefined ? null : 1000 * seconds(queryChunks);
      const cached = Math.min(plan.tiles.length, cachedTiles);
      return { ...plan, side, queryChunks, cachedTiles: cached, bandBytes, dispatchMs };
    }
    if (side <= unit) throw new EngineError('pack-damaged', 'no attention graph fits the smallest tile');
  }
}

/** Pieces that the image queries of one tile must be cut into. */
export function neededChunks(manifest: Manifest, width: number, height: number): number {
  const { image, text } = countTokens(manifest, width, height);
  const headDim = manifest.family.axesDim.reduce((sum, axis) => sum + axis, 0);
  const perQuery = (text + image) * headDim * 4;
  const most = Math.floor((ATTENTION_LIMIT - 1) / perQuery);
  return most < 1 ? Number.POSITIVE_INFINITY : Math.ceil(image / most);
}

/** Chunk counts, rising, that every attention graph of the pack has in this mode. */
function chunkVariants(manifest: Manifest, mode: Backend['mode']): number[] {
  const blocks = [...blockGraphs(manifest)].map((name) => manifest.graphs[name]?.variants ?? []);
  const [first, ...rest] = blocks.map((variants) =>
    variants.filter((variant) => variant.mode === mode).map((variant) => variant.queryChunks),
  );
  if (!first) return [1];
  return first.filter((chunks) => rest.every((list) => list.includes(chunks))).sort((a, b) => a - b);
}

function blockGraphs(manifest: Manifest): Set<string> {
  const names = new Set<string>();
  for (const id of blockInstances(manifest)) names.add(graphOf(manifest, id));
  return names;
}

/** Data inputs that a chain takes from outside: those that no earlier graph of it puts out. */
export function chainInputs(manifest: Manifest, chain: readonly string[]): Set<string> {
  const made = new Set<string>();
  const needed = new Set<string>();
  for (const id of chain) {
    const graph = manifest.graphs[graphOf(manifest, id)];
    if (!graph) continue;
    for (const port of chainPorts(graph)) if (!made.has(port.name)) needed.add(port.name);
    for (const port of graph.outputs) made.add(port.name);
    if (graph.bands?.statistics) made.add(graph.bands.statistics.norm);
  }
  return needed;
}

/** Names of the encoder's tensors that the decoder wants beside latents, photo and pooled. */
export function skipNames(manifest: Manifest): string[] {
  const wanted = chainInputs(manifest, manifest.vae.decode);
  for (const name of ['latents', 'photo', 'pooled']) wanted.delete(name);
  return [...wanted];
}

/** Bytes of the skip tensors of one tile, from the declared shapes; 0 for packs without skips. */
export function skipBytes(manifest: Manifest, width: number, height: number): number {
  const wanted = skipNames(manifest);
  if (wanted.length === 0) return 0;
  const shapes = chainShapes(manifest, manifest.vae.encode, { photo: [1, 3, height, width] }, Number.POSITIVE_INFINITY);
  return wanted.reduce((sum, name) => {
    const dims = shapes[name];
    if (!dims) throw new EngineError('pack-damaged', `the encoder makes no ${name}`);
    return sum + 4 * dims.reduce((product, side) => product * side, 1);
  }, 0);
}

/**
 * How steps are painted: a decoder preview would encode every tile without kept skips again, at every step, and more
 * than double the time of a large photo. Such a job is painted by the linear map, all of it, so that it looks even.
 */
export function previewKind(manifest: Manifest, plan: JobPlan): Manifest['preview']['kind'] {
  return plan.cachedTiles < plan.tiles.length ? 'linear' : manifest.preview.kind;
}

/** Branches that a job runs, by the pack's guidance. */
export function branchCount(manifest: Manifest): number {
  return branchesOf(manifest.switches.guidance).length;
}
