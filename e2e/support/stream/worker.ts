/**
 * Runs sampling steps on the app's WebGPU backend under a cap of GPU memory, and answers with what the app does not show: the
 * velocities bit by bit, and the bytes. No part of the app.
 */
import '../../../workers/trusted-types.ts';
import { expose } from 'comlink';
import type { DiskReader } from '../../../workers/packs/disk.ts';
import { openOpfs } from '../../../workers/packs/opfs.ts';
import { Pack } from '../../../workers/packs/pack.ts';
import { PackStore } from '../../../workers/packs/pack-store.ts';
import type { PackSource } from '../../../workers/packs/protocol.ts';
import { Store } from '../../../workers/packs/store.ts';
import { StoredFiles } from '../../../workers/packs/stored-files.ts';
import type { Backend } from '../../../workers/pipeline/backend.ts';
import { GpuBackend } from '../../../workers/runtime/backend-gpu.ts';
import { chooseRuntime } from '../../../workers/runtime/choose.ts';
import type { Gpu } from '../../../workers/runtime/device.ts';
import { planMemory } from '../../../workers/runtime/memory-plan.ts';
import type { LoadedOrt } from '../../../workers/runtime/ort.ts';
import { copyRateOn } from '../../../workers/runtime/spill.ts';
import { plainCopy, streamedCopy } from './copy.ts';
import { timeDispatches, wantTimestamps, watchDispatches } from './dispatches.ts';
import { sampleSteps } from './steps.ts';

interface Opened {
  readonly pack: Pack;
  readonly backend: GpuBackend;
  readonly loaded: LoadedOrt;
  readonly gpu: Gpu;
  /** The largest file of a stored pack. */
  readonly largest: DiskReader | null;
}

let opened: Opened | null = null;

export interface StreamJob {
  /** Bytes. */
  readonly cap: number;
  /** Of the tile, in px. */
  readonly side: number;
  readonly steps: number;
  /** Before this run of a graph the job gets another cap. */
  readonly swap?: { readonly run: number; readonly cap: number };
}

/** A pack without its text part will do. */
async function openPack(store: Store, source: PackSource): Promise<Pick<Opened, 'pack' | 'largest'>> {
  if (source.kind === 'url') return { pack: await Pack.open(store, source.url, ['dit']), largest: null };
  const disk = await openOpfs();
  if (!disk) throw new Error('no private file system');
  const packs = new PackStore(disk);
  const pack = new Pack(await StoredFiles.open(packs, source), ['dit']);
  const [file] = [...((await packs.plan(source))?.files ?? [])].sort((a, b) => b.bytes - a.bytes);
  return { pack, largest: file ? await disk.openRead(packs.contentPath(source.name, file.key)) : null };
}

function needed(): Opened {
  if (!opened) throw new Error('not opened');
  return opened;
}

const runner = {
  /** @param ortUrl folder, ending in "/" */
  async open(source: PackSource, ortUrl: string): Promise<string> {
    const store = new Store({ cache: null });
    wantTimestamps();
    const { pack, largest } = await openPack(store, source);
    const wishes = { ortUrl, engine: 'webgpu', bundle: 'auto', modes: ['f32'] } as const;
    const { loaded, gpu, info } = await chooseRuntime(wishes, store, () => undefined);
    if (!gpu) throw new Error('no WebGPU');
    watchDispatches(gpu.device);
    const backend = new GpuBackend(loaded, gpu, pack, { mode: 'f32', strict: true });
    opened = { pack, backend, loaded, gpu, largest };
    return info.adapter;
  },

  async run({ cap, side, steps, swap }: StreamJob) {
    const { pack, backend } = needed();
    const size = { width: side, height: side, steps };
    // Nothing may be left of the run before.
    await backend.prepare(size, 0);
    await backend.prepare(size, cap);
    backend.resetPeak();
    let runs = 0;
    const swapping: Backend = {
      kind: backend.kind,
      mode: backend.mode,
      upload: (...args) => backend.upload(...args),
      join: (...args) => backend.join(...args),
      download: (tensor) => backend.download(tensor),
      release: (instance) => backend.release(instance),
      prefetch: (instance) => backend.prefetch(instance),
      memory: () => backend.memory(),
      run: async (...args) => {
        runs += 1;
        if (swap?.run === runs) await backend.prepare(size, swap.cap);
        return backend.run(...args);
      },
    };
    const start = performance.now();
    const stepMs: number[] = [];
    const velocities = await sampleSteps(swapping, pack.manifest, size, (ms) => stepMs.push(ms));
    const milliseconds = performance.now() - start;
    const { gpuPeakBytes, heapBytes } = backend.memory();
    const { weights, ...planned } = planMemory(pack.manifest, 'f32', size, cap);
    await backend.trim();
    return {
      ...planned,
      velocities: velocities.map((values) => [...values]),
      runs,
      milliseconds,
      stepMs,
      gpuPeakBytes,
      heapBytes,
      leftBytes: backend.memory().gpuBytes,
      resident: weights.resident.size,
      streamed: weights.streamed.size,
    };
  },

  /** A job with every dispatch timed, the longest first; ten of them, and how many there were. */
  async dispatches(job: StreamJob) {
    const times = await timeDispatches(() => runner.run(job));
    return { count: times.length, longest: times.sort((a, b) => b.ms - a.ms).slice(0, 10) };
  },

  /** Bytes a second of copies within memory that is taken for that, and what is left of it afterwards. */
  async touch(bytes: number) {
    const { gpu } = needed();
    const before = gpu.liveBytes;
    const rate = await copyRateOn(gpu.device)(bytes);
    return { rate, leftBytes: gpu.liveBytes - before };
  },

  /** All blocks of a stored pack to the GPU and back to back, and as many bytes by plain copying: bytes and ms. */
  async copy() {
    const { pack, loaded, gpu, largest, backend } = needed();
    if (!largest) throw new Error('the pack is not stored');
    await backend.trim();
    const streamed = await streamedCopy(loaded, gpu, pack);
    const stage = planMemory(pack.manifest, 'f32', { width: 32, height: 32, steps: 1 }, 0).weights.stagingBytes / 2;
    const plain = await plainCopy(gpu, largest, streamed.bytes, stage);
    return { streamed, plain };
  },
};
export type StreamRunner = typeof runner;

expose(runner);
