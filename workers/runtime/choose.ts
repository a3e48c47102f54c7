/**
 * Which engine runs: WebGPU with what the self-test trusts, else wasm. Tried in this order: mode f16 with subgroups,
 * f16 without, f32 with, f32 without; what the adapter or the pack does not have is left out.
 */
import { EngineError } from '../errors.ts';
import type { Mode } from '../packs/manifest.ts';
import type { Store } from '../packs/store.ts';
import type { EngineInfo, EngineOptions, StartEvent } from '../protocol.ts';
import {
  adapterName,
  type DeviceWishes,
  findAdapter,
  type Gpu,
  isSoftware,
  makeGpu,
  subgroupsTrusted,
} from './device.ts';
import { bestGpuBundle, type LoadedOrt, loadOrt, type OrtBundle, threadCount } from './ort.ts';
import { measureRate } from './rate.ts';
import { runSelfTest, type SelfTestResult } from './self-test.ts';
import { recall, recallRate, remember, rememberRate, verdictKey } from './verdicts.ts';

export interface Runtime {
  readonly loaded: LoadedOrt;
  /** Null on wasm. */
  readonly gpu: Gpu | null;
  readonly info: EngineInfo;
}

export interface ChooseOptions extends Pick<EngineOptions, 'ortUrl' | 'engine' | 'bundle' | 'threads'> {
  /** What the pack has graphs for, and what may still be used. */
  readonly allowed: Allowed;
}

/** What of a GPU may be used; less after it gave wrong numbers. */
export interface Allowed {
  readonly modes: readonly Mode[];
  readonly subgroups: boolean;
}

/** After wrong numbers: without subgroups, then with float32, then (null) the processor. Pure. */
export function saferThan(used: { mode: Mode; subgroups: boolean }, modes: readonly Mode[]): Allowed | null {
  if (used.subgroups) return { modes, subgroups: false };
  return used.mode === 'f16' && modes.includes('f32') ? { modes: ['f32'], subgroups: false } : null;
}

interface Attempt {
  readonly wishes: DeviceWishes;
  readonly mode: Mode;
}

/** What to try on an adapter, the best first. Pure. */
export function attempts(f16: boolean, subgroups: boolean, modes: readonly Mode[]): Attempt[] {
  const list: Attempt[] = [];
  for (const mode of ['f16', 'f32'] as const) {
    if (!modes.includes(mode) || (mode === 'f16' && !f16)) continue;
    for (const withSubgroups of [true, false]) {
      if (withSubgroups && !subgroups) continue;
      list.push({ wishes: { f16: mode === 'f16', subgroups: withSubgroups }, mode });
    }
  }
  return list;
}

/**
 * @throws EngineError 'no-engine' when WebGPU is asked for by name and can't be had, or nothing runs at all;
 *   'pack-missing' when onnxruntime's files can't be had
 */
export async function chooseRuntime(
  options: ChooseOptions,
  store: Store,
  onEvent: (event: StartEvent) => void,
): Promise<Runtime> {
  const load = (bundle: OrtBundle) => {
    const threads = threadCount(options.threads, navigator.hardwareConcurrency, self.crossOriginIsolated);
    const onBytes = (done: number, total: number) => onEvent({ stage: 'runtime', done, total });
    // On a GPU the CPU kernels have nothing to do: threads would only cost memory and time to start.
    return loadOrt(options.ortUrl, bundle, bundle === 'wasm' ? threads : 1, store, onBytes);
  };
  const onWasm = async (why: string, adapter = '', gpuTest: SelfTestResult = []): Promise<Runtime> => {
    if (options.engine === 'webgpu') throw new EngineError('no-engine', `WebGPU: ${why}`, { why });
    const loaded = await load('wasm');
    onEvent({ stage: 'self-test', done: 0, total: 1 });
    const ownTest = await runSelfTest(loaded, null, 'f32');
    onEvent({ stage: 'self-test', done: 1, total: 1 });
    if (!ownTest.every((test) => test.ok)) throw new EngineError('no-engine', `wasm: ${JSON.stringify(ownTest)}`);
    // Where a GPU was tried first, its numbers say why it is not used.
    const selfTest = gpuTest.length > 0 ? gpuTest : ownTest;
    const { bundle, threads } = loaded;
    const info: EngineInfo = {
      kind: 'wasm',
      bundle,
      mode: 'f32',
      why,
      adapter,
      threads,
      limits: {},
      features: [],
      selfTest,
    };
    return { loaded, gpu: null, info };
  };

  if (options.engine === 'wasm') return onWasm('forced');
  const found = await findAdapter();
  if ('why' in found) return onWasm(found.why);
  const { adapter } = found;
  const name = adapterName(adapter);
  const loaded = await load(options.bundle === 'auto' ? bestGpuBundle() : options.bundle);
  onEvent({ stage: 'self-test', done: 0, total: 1 });
  const tried = await tryAttempts(loaded, adapter, options.allowed);
  onEvent({ stage: 'self-test', done: 1, total: 1 });
  if (!tried.gpu) return onWasm('self-test-failed', name, tried.selfTest);
  const { gpu, mode, selfTest } = tried;
  const info: EngineInfo = {
    kind: 'webgpu',
    bundle: loaded.bundle,
    mode,
    why: 'webgpu-ok',
    adapter: name,
    threads: loaded.threads,
    limits: { ...gpu.limits },
    features: [...gpu.features],
    selfTest,
  };
  return { loaded, gpu, info };
}

async function tryAttempts(
  loaded: LoadedOrt,
  first: GPUAdapter,
  allowed: Allowed,
): Promise<{ gpu: Gpu; mode: Mode; selfTest: SelfTestResult } | { gpu: null; selfTest: SelfTestResult }> {
  let adapter: GPUAdapter | null = first;
  let selfTest: SelfTestResult = [];
  const subgroups = allowed.subgroups && subgroupsTrusted(first);
  for (const { wishes, mode } of attempts(first.features.has('shader-f16'), subgroups, allowed.modes)) {
    const key = verdictKey(first, loaded, wishes, mode);
    const known = await recall(key);
    if (known) selfTest = known;
    if (known?.some((test) => !test.ok)) continue;
    // An adapter makes one device in its life.
    adapter ??= await freshAdapter();
    if (!adapter) break;
    const gpu: Gpu | null = await makeGpu(adapter, wishes).catch(() => null);
    adapter = null;
    if (!gpu) continue;
    if (!known) {
      selfTest = await runSelfTest(loaded, gpu, mode);
      await remember(key, selfTest);
    }
    if (selfTest.every((test) => test.ok)) {
      gpu.macsPerSecond = isSoftware(first) ? null : await rateOf(loaded, gpu, mode, key);
      return { gpu, mode, selfTest };
    }
    await gpu.anchor?.release().catch(() => undefined);
    // The asyncify build may hang once it has seen a lost device; an unused one costs next to nothing.
    if (loaded.bundle === 'jspi') gpu.device.destroy();
  }
  return { gpu: null, selfTest };
}

/** Measured once for an adapter, browser and version. */
async function rateOf(loaded: LoadedOrt, gpu: Gpu, mode: Mode, key: string): Promise<number | null> {
  const known = await recallRate(key);
  if (known !== null) return known;
  const rate = await measureRate(loaded, gpu, mode);
  if (rate !== null) await rememberRate(key, rate);
  return rate;
}

async function freshAdapter(): Promise<GPUAdapter | null> {
  const found = await findAdapter();
  return 'adapter' in found ? found.adapter : null;
}
