/**
 * Runs sampling steps on the app's WebGPU backend under a cap of GPU memory, and answers with what the app does not show: the
 * velocities bit by bit, and the bytes. No part of the app.
 */
import '../../../workers/trusted-types.ts';
import { expose } from 'comlink';
import type { DiskReader } from '../../../workers/packs/disk.ts';
import type { Mode } from '../../../workers/packs/manifest.ts';
import { openOpfs } from '../../../workers/packs/opfs.ts';
import { Pack } from '../../../workers/packs/pack.ts';
import { PackStore } from '../../../workers/packs/pack-store.ts';
import type { PackSource } from '../../../workers/packs/protocol.ts';
import { Store } from '../../../workers/packs/store.ts';
import { StoredFiles } from '../../../workers/packs/stored-files.ts';
import type { Backend } from '../../../workers/pipeline/backend.ts';
import type { Engine } from '../../../workers/pipeline/job.ts';
import type { States } from '../../../workers/pipeline/qwen/read.ts';
import type { Rgb8 } from '../../../workers/pipeline/qwen/resize.ts';
import { GpuBackend } from '../../../workers/runtime/backend-gpu.ts';
import { WasmBackend } from '../../../workers/runtime/backend-wasm.ts';
import { chooseRuntime } from '../../../workers/runtime/choose.ts';
import type { Gpu } from '../../../workers/runtime/device.ts';
import { planMemory, planReading } from '../../../workers/runtime/memory-plan.ts';
import type { LoadedOrt } from '../../../workers/runtime/ort.ts';
import { copyRateOn } from '../../../workers/runtime/spill.ts';
import { plainCopy, streamedCopy } from './copy.ts';
import { timeDispatches, wantTimestamps, watchDispatches } from './dispatches.ts';
import { readOnce, summaryOf } from './reading.ts';
import { sampleSteps } from './steps.ts';

interface Opened {
  readonly pack: Pack;
  readonly backend: GpuBackend | WasmBackend;
  readonly loaded: LoadedOrt;
  /** Null on wasm, which can only read photos here. */
  readonly gpu: Gpu | null;
  /** The largest file of a stored pack. */
  readonly largest: DiskReader | null;
}

let opened: Opened | null = null;
/** What was read last. */
let states: readonly States[] = [];

export interface StreamJob {
  /** Bytes. */
  readonly cap: number;
  /** Of the tile, in px. */
  readonly side: number;
  readonly steps: number;
  /** Before this run of a graph the job gets another cap. */
  readonly swap?: { readonly run: number; readonly cap: number };
}

/** Any part of a pack will do. */
async function openPack(store: Store, source: PackSource): Promise<Pick<Opened, 'pack' | 'largest'>> {
  if (source.kind === 'url') return { pack: await Pack.open(store, source.url, []), largest: null };
  const disk = await openOpfs();
  if (!disk) throw new Error('no private file system');
  const packs = new PackStore(disk);
  const pack = new Pack(await StoredFiles.open(packs, source), []);
  const [file] = [...((await packs.plan(source))?.files ?? [])].sort((a, b) => b.bytes - a.bytes);
  return { pack, largest: file ? await disk.openRead(packs.contentPath(source.name, file.key)) : null };
}

function needed(): Opened {
  if (!opened) throw new Error('not opened');
  return opened;
}

function neededOnGpu(): Opened & { backend: GpuBackend; gpu: Gpu } {
  const { backend, gpu, ...rest } = needed();
  if (!(backend instanceof GpuBackend) || !gpu) throw new Error('opened on wasm');
  return { ...rest, backend, gpu };
}

/** The backend as it is without a plan for reading: each block of the text part comes into buffers of its own, not into slots. */
function withoutSlots(backend: Backend): Backend {
  return {
    kind: backend.kind,
    mode: backend.mode,
    upload: (...args) => backend.upload(...args),
    join: (...args) => backend.join(...args),
    download: (tensor) => backend.download(tensor),
    run: (...args) => backend.run(...args),
    release: () => undefined,
    memory: () => backend.memory(),
  };
}

const NO_READING = { width: 32, height: 32, steps: 1 };

/** Counts the buffers that weights are copied into: each block has its own, or slots take turns. */
function countWeightBuffers(device: GPUDevice): { stop(): number } {
  const create = device.createBuffer;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  let count = 0;
  device.createBuffer = (descriptor) => {
    if (descriptor.usage === usage) count += 1;
    return create.call(device, descriptor);
  };
  return {
    stop: () => {
      device.createBuffer = create;
      return count;
    },
  };
}

const runner = {
  /** @param ortUrl folder, ending in "/" */
  async open(source: PackSource, ortUrl: string, engine: 'webgpu' | 'wasm' = 'webgpu'): Promise<string> {
    const store = new Store({ cache: null });
    wantTimestamps();
    const { pack, largest } = await openPack(store, source);
    const wishes = { ortUrl, engine, bundle: 'auto', allowed: { modes: ['f32'], subgroups: true } } as const;
    const { loaded, gpu, info } = await chooseRuntime(wishes, store, () => undefined);
    if (gpu) watchDispatches(gpu.device);
    const backend = gpu
      ? new GpuBackend(loaded, gpu, pack, { mode: 'f32', strict: true })
      : new WasmBackend(loaded, pack);
    opened = { pack, backend, loaded, gpu, largest };
    return info.adapter;
  },

  async run({ cap, side, steps, swap }: StreamJob) {
    const { pack, backend } = neededOnGpu();
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
    const { gpu } = neededOnGpu();
    const before = gpu.liveBytes;
    const rate = await copyRateOn(gpu.device)(bytes);
    return { rate, leftBytes: gpu.liveBytes - before };
  },

  /**
   * The pack's text part reads a photo with the prompt "noise" and the empty one. What it says is told by `summary`.
   *
   * @param streamed false: every block comes into buffers of its own, where the app would stream it through slots
   */
  async read(photo: Rgb8, streamed = true) {
    const { pack, backend, loaded, gpu } = needed();
    const { manifest } = pack;
    const engine: Engine = {
      backend: streamed ? backend : withoutSlots(backend),
      manifest,
      readShard: (shard, offset, bytes) => pack.range({ shard, offset, bytes }),
    };
    // The plan of a job's transformer knows nothing of the text part's blocks.
    if (!streamed && backend instanceof GpuBackend) await backend.prepare(NO_READING);
    backend.resetPeak();
    const made = gpu ? countWeightBuffers(gpu.device) : null;
    const { states: said, ...run } = await readOnce(engine, photo);
    states = said;
    const weightBuffers = made?.stop() ?? 0;
    const { gpuPeakBytes } = backend.memory();
    await backend.trim();
    const plannedBytes = planReading(manifest, 'f32')?.totalBytes ?? 0;
    return { ...run, weightBuffers, gpuPeakBytes, plannedBytes, wasmHeapBytes: loaded.heapBytes() };
  },

  /** Of what was read last. */
  summary: () => summaryOf(states),

  /** All blocks of a stored pack to the GPU and back to back, and as many bytes by plain copying: bytes and ms. */
  async copy(mode: Mode) {
    const { pack, loaded, gpu, largest, backend } = neededOnGpu();
    if (!largest) throw new Error('the pack is not stored');
    await backend.trim();
    const streamed = await streamedCopy(loaded, gpu, pack, mode);
    const stage = planMemory(pack.manifest, mode, { width: 32, height: 32, steps: 1 }, 0).weights.stagingBytes / 2;
    const plain = await plainCopy(gpu, largest, streamed.bytes, stage);
    return { streamed, plain };
  },
};
export type StreamRunner = typeof runner;

expose(runner);
