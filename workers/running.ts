/** The engine as it runs: a pack, a runtime and a backend, how they come up, are replaced and go. */
import { EngineError } from './errors.ts';
import { tidyPacks } from './packs/leftovers.ts';
import { openOpfs } from './packs/opfs.ts';
import { Pack } from './packs/pack.ts';
import { PackStore } from './packs/pack-store.ts';
import type { PackSource } from './packs/protocol.ts';
import type { Store } from './packs/store.ts';
import { openStored } from './packs/stored-pack.ts';
import { conditionsOf, experimentsOf } from './pipeline/experiments.ts';
import type { Engine } from './pipeline/job.ts';
import { packTile } from './pipeline/plan.ts';
import type { EngineInfo, EngineOptions, NoticeCode, PackInfo, StartEvent } from './protocol.ts';
import { GpuBackend } from './runtime/backend-gpu.ts';
import { WasmBackend } from './runtime/backend-wasm.ts';
import { type Allowed, chooseRuntime, type Runtime, saferThan } from './runtime/choose.ts';
import { hasMode } from './runtime/graphs.ts';

const EVERYTHING: Allowed = { modes: ['f32', 'f16'], subgroups: true };

export interface Running {
  readonly options: EngineOptions;
  readonly pack: Pack;
  readonly runtime: Runtime;
  readonly backend: GpuBackend | WasmBackend;
  /** What may be used, of what the pack has graphs for. */
  readonly allowed: Allowed;
}

/** @throws EngineError 'pack-missing', 'pack-damaged', 'pack-incomplete', 'pack-busy', 'no-storage' */
async function openPack(store: Store, source: PackSource): Promise<Pack> {
  if (source.kind === 'url') return Pack.open(store, source.url);
  const disk = await openOpfs();
  if (!disk) throw new EngineError('no-storage', 'no private file system');
  return openStored(new PackStore(disk), source);
}

/**
 * The pack read and all up. What is up when something fails goes again: nothing else would close it.
 *
 * @throws EngineError as `openPack`, `bringUp` and `Pack.prepare`
 */
export async function startUp(
  store: Store,
  options: EngineOptions,
  onEvent: (event: StartEvent) => void,
): Promise<Running> {
  const pack = await openPack(store, options.pack);
  let running: Running | null = null;
  try {
    running = await bringUp(store, options, pack, onEvent);
    await pack.prepare((done, total) => onEvent({ stage: 'pack', done, total }));
    return running;
  } catch (error) {
    if (running) await letGo(running).catch(() => undefined);
    pack.close();
    throw error;
  }
}

/** Frees all that runs. */
export async function shutDown(running: Running): Promise<void> {
  await letGo(running);
  running.pack.close();
}

/** What updates left behind goes while nobody waits for it. */
export async function tidyStored(): Promise<void> {
  const disk = await openOpfs();
  if (disk) await tidyPacks(new PackStore(disk));
}

/** @throws EngineError as `chooseRuntime` */
export async function bringUp(
  store: Store,
  options: EngineOptions,
  pack: Pack,
  onEvent: (event: StartEvent) => void = () => undefined,
  wanted: Allowed = EVERYTHING,
): Promise<Running> {
  const allowed = { ...wanted, modes: wanted.modes.filter((mode) => hasMode(pack.manifest, mode)) };
  const runtime = await chooseRuntime({ ...options, allowed }, store, onEvent);
  const { gpu, loaded, info } = runtime;
  const strict = options.strict ?? false;
  const cap = options.gpuBytes === undefined ? {} : { cap: options.gpuBytes };
  const backend = gpu
    ? new GpuBackend(loaded, gpu, pack, { mode: info.mode, strict, ...cap })
    : new WasmBackend(loaded, pack);
  return { options, pack, runtime, backend, allowed };
}

/** A new device in place of a lost one. */
export async function bringUpAgain(store: Store, { options, pack, backend, allowed }: Running): Promise<Running> {
  await backend.dispose();
  return bringUp(store, options, pack, undefined, allowed);
}

/** What to run on after a GPU gave wrong numbers: the GPU without subgroups, then with float32, then the processor. */
export async function fallBack(store: Store, running: Running): Promise<Running> {
  const { options, pack, runtime, allowed } = running;
  const { mode, features } = runtime.info;
  const safer = saferThan({ mode, subgroups: features.includes('subgroups') }, allowed.modes);
  await letGo(running);
  // Also where WebGPU was asked for by name: a slower result is better than none.
  const engine = safer ? 'auto' : 'wasm';
  const next = await bringUp(store, { ...options, engine }, pack, undefined, safer ?? allowed);
  if (next.runtime.info.kind === 'webgpu') return next;
  return { ...next, runtime: { ...next.runtime, info: { ...next.runtime.info, why: 'bad-numbers' } } };
}

/** What a person is told of it. */
export function steppedDown(from: EngineInfo, to: EngineInfo): NoticeCode {
  if (to.kind === 'wasm') return 'to-wasm';
  return to.mode === from.mode ? 'without-subgroups' : 'to-float32';
}

/** Frees backend and device; the pack stays open. */
async function letGo({ backend, runtime }: Running): Promise<void> {
  await backend.dispose();
  // The asyncify build may hang once it has seen a lost device.
  if (runtime.loaded.bundle === 'jspi') runtime.gpu?.device.destroy();
}

/** Of the blocks, how many have weights that stay; all of them where the processor runs them. */
export function residentShare({ pack, backend }: Running): number {
  if (!(backend instanceof GpuBackend)) return 1;
  const { steps } = pack.manifest;
  const tile = packTile(pack.manifest, backend.kind);
  const { blocks, streamed } = backend.memoryOf({ width: tile, height: tile, steps: steps.default });
  return blocks > 0 ? 1 - streamed / blocks : 1;
}

export function packInfo(store: Store, { pack, backend }: Running): PackInfo {
  const { name, version, title, licence, tasks, steps } = pack.manifest;
  const tile = packTile(pack.manifest, backend.kind);
  const size = { width: tile, height: tile, steps: steps.default };
  return {
    name,
    version,
    title,
    licence,
    bytes: pack.bytes,
    tasks,
    steps,
    tile,
    auto: pack.manifest.auto !== undefined,
    conditions: conditionsOf(pack.manifest),
    experiments: experimentsOf(pack.manifest),
    ...(backend instanceof GpuBackend && { memory: backend.memoryOf(size) }),
    stored: store.full === null,
  };
}

/** The engine as the pipeline sees it. */
export function engineOf({ backend, pack }: Running): Engine {
  return {
    backend,
    manifest: pack.manifest,
    readShard: (shard, offset, bytes) => pack.range({ shard, offset, bytes }),
  };
}
