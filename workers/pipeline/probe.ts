/**
 * How long a job will take, from a probe: two blocks of the transformer run on a small tile, with their own weights, and what
 * they took is scaled by multiply-adds. Encoding and decoding are not in it.
 */
import type { Manifest } from '../packs/manifest.ts';
import type { Tensor } from './backend.ts';
import { Calls } from './calls.ts';
import type { Engine } from './job.ts';
import { blockInstances, branchCount, graphOf, packTile, planJob } from './plan.ts';
import { ProgressMeter } from './progress.ts';
import { type TensorScope, withScope } from './scope.ts';
import { bindShapes, resolveShape } from './shapes.ts';
import { countTokens } from './tokens.ts';
import { areaRect, type Way, wholeSize } from './ways.ts';
import { blockProducts, kinds } from './work.ts';

/** Sides of the probe's tile: the larger one, where a GPU is really at work, only if blocks on the smaller one are quick. */
const PROBE_SIDES = [128, 512] as const;
const QUICK_SECONDS = 0.1;

/** Of one kind of block, in seconds. */
export interface BlockPace {
  /** For each multiply-add of a run. */
  readonly secondsPerMac: number;
  /** To bring the weights of one block to where it runs; 0 where they stay. */
  readonly loadSeconds: number;
  /** What was measured. */
  readonly runSeconds: number;
}

export type Pace = ReadonlyMap<string, BlockPace>;

/** @throws EngineError as `Backend.run`, 'cancelled' */
export async function probe(engine: Engine, signal?: AbortSignal): Promise<Pace> {
  const [small, large] = PROBE_SIDES;
  const start = performance.now();
  const pace = await probePace(engine, small, signal);
  const quick = [...pace.values()].every(({ runSeconds }) => runSeconds < QUICK_SECONDS);
  // Not twice where compiling alone took long.
  return quick && performance.now() - start < 10_000 ? probePace(engine, large, signal) : pace;
}

/**
 * Runs the first block of two kinds twice (the first run compiles), and another one of the same kind, whose weights have to come.
 *
 * @param side longest side of the probe's tile in px
 * @throws EngineError as `Backend.run`, 'cancelled'
 */
export async function probePace(engine: Engine, side: number, signal?: AbortSignal): Promise<Pace> {
  const { manifest, backend } = engine;
  const plan = planJob(
    manifest,
    backend,
    { width: side, height: side },
    Math.min(side, packTile(manifest, backend.kind)),
  );
  const size = { width: plan.x.size, height: plan.y.size };
  await backend.prepare?.({ ...size, steps: 1 });
  const calls = new Calls(backend, manifest, new ProgressMeter(), signal);
  const pace = new Map<string, BlockPace>();
  for (const [graph, instance] of [...kinds(manifest)].slice(0, 2)) {
    const others = blockInstances(manifest).filter((id) => id !== instance && graphOf(manifest, id) === graph);
    const timed = (id: string) =>
      withScope(async (scope) => {
        const feeds = blockFeeds(calls, id, size, scope);
        const mark = calls.upload(scope, 'float32', [1], new Float32Array(1));
        await calls.download(mark, 'probe');
        const start = performance.now();
        await calls.run(id, feeds, scope, 'probe', { queryChunks: plan.queryChunks });
        // Copies come after all that was asked for before: then the block is done.
        await calls.download(mark, 'probe');
        return (performance.now() - start) / 1000;
      });
    await timed(instance);
    const compute = await timed(instance);
    const [other] = others;
    const withLoad = other === undefined ? compute : await timed(other);
    const macs = blockProducts(manifest, instance, size.width, size.height).reduce((sum, one) => sum + one.macs, 0);
    pace.set(graph, {
      secondsPerMac: compute / macs,
      loadSeconds: Math.max(0, withLoad - compute),
      runSeconds: compute,
    });
  }
  return pace;
}

/** Inputs of a block, zeros: what is computed does not depend on them. */
function blockFeeds(
  calls: Calls,
  instance: string,
  size: { width: number; height: number },
  scope: TensorScope,
): Record<string, Tensor> {
  const { manifest } = calls;
  const { image, text } = countTokens(manifest, size.width, size.height);
  const known = bindShapes([], {}, { n: image, T: text, K: text, S: 1 });
  const feeds: Record<string, Tensor> = {};
  for (const { name, dtype, shape } of manifest.graphs[graphOf(manifest, instance)]?.inputs ?? []) {
    const dims = resolveShape(shape, known) ?? [];
    const length = dims.reduce((all, each) => all * each, 1);
    const data = dtype === 'int32' ? new Int32Array(length) : new Float32Array(length);
    feeds[name] = calls.upload(scope, dtype === 'int32' ? 'int32' : 'float32', dims, data);
  }
  return feeds;
}

export interface Estimate {
  readonly way: 'whole' | 'area' | 'tiles';
  /** Size at which the model sees the photo, or the part of it. */
  readonly width: number;
  readonly height: number;
  readonly tiles: number;
  readonly seconds: number;
}

/**
 * What each way through a photo takes.
 *
 * @param area of the photo that the person chose; left out where null
 * @param resident share of blocks whose weights stay, 0 to 1
 */
export function estimateWays(
  engine: Pick<Engine, 'manifest' | 'backend'>,
  pace: Pace,
  photo: { readonly width: number; readonly height: number },
  steps: number,
  area: (Way & { kind: 'area' }) | null,
  resident: number,
): Estimate[] {
  const { manifest, backend } = engine;
  const unit = manifest.family.factor * manifest.family.patch;
  const of = (way: Estimate['way'], size: { width: number; height: number }, tile?: number): Estimate => {
    const plan = planJob(manifest, backend, size, tile);
    const tiles = plan.tiles.length;
    const seconds = steps * tiles * stepSeconds(manifest, pace, plan.x.size, plan.y.size, resident);
    return { way, width: size.width, height: size.height, tiles, seconds };
  };
  const whole = wholeSize(photo.width, photo.height, unit);
  const { width, height } = photo;
  return [
    of('whole', whole, Math.max(whole.width, whole.height)),
    ...(area ? [of('area', areaRect(photo, area, unit))] : []),
    of('tiles', { width, height }),
  ];
}

/** Weights come while the block before computes; both branches share them. */
function stepSeconds(manifest: Manifest, pace: Pace, width: number, height: number, resident: number): number {
  const branches = branchCount(manifest);
  const known = [...pace.values()];
  let seconds = 0;
  const macsOf = new Map<string, number>();
  for (const id of blockInstances(manifest)) {
    const graph = graphOf(manifest, id);
    const block = pace.get(graph) ?? known.at(-1);
    if (!block) continue;
    const macs =
      macsOf.get(graph) ?? blockProducts(manifest, id, width, height).reduce((sum, one) => sum + one.macs, 0);
    macsOf.set(graph, macs);
    const compute = branches * macs * block.secondsPerMac;
    seconds += resident * compute + (1 - resident) * Math.max(compute, block.loadSeconds);
  }
  return seconds;
}
