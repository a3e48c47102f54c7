/**
 * Runs sampling steps on the app's WebGPU backend under a cap of GPU memory, and answers with what the app does not show: the
 * velocities bit by bit, and the bytes. No part of the app.
 */
import '../../../workers/trusted-types.ts';
import { expose } from 'comlink';
import { openOpfs } from '../../../workers/packs/opfs.ts';
import { Pack } from '../../../workers/packs/pack.ts';
import { PackStore } from '../../../workers/packs/pack-store.ts';
import type { PackSource } from '../../../workers/packs/protocol.ts';
import { Store } from '../../../workers/packs/store.ts';
import { StoredFiles } from '../../../workers/packs/stored-files.ts';
import type { Backend } from '../../../workers/pipeline/backend.ts';
import { GpuBackend } from '../../../workers/runtime/backend-gpu.ts';
import { chooseRuntime } from '../../../workers/runtime/choose.ts';
import { planMemory } from '../../../workers/runtime/memory-plan.ts';
import { sampleSteps } from './steps.ts';

let opened: { pack: Pack; backend: GpuBackend } | null = null;

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
async function openPack(store: Store, source: PackSource): Promise<Pack> {
  if (source.kind === 'url') return Pack.open(store, source.url, ['dit']);
  const disk = await openOpfs();
  if (!disk) throw new Error('no private file system');
  return new Pack(await StoredFiles.open(new PackStore(disk), source), ['dit']);
}

const runner = {
  /** @param ortUrl folder, ending in "/" */
  async open(source: PackSource, ortUrl: string): Promise<string> {
    const store = new Store({ cache: null });
    const pack = await openPack(store, source);
    const wishes = { ortUrl, engine: 'webgpu', bundle: 'auto', modes: ['f32'] } as const;
    const { loaded, gpu, info } = await chooseRuntime(wishes, store, () => undefined);
    if (!gpu) throw new Error('no WebGPU');
    opened = { pack, backend: new GpuBackend(loaded, gpu, pack, { mode: 'f32', strict: true }) };
    return info.adapter;
  },

  async run({ cap, side, steps, swap }: StreamJob) {
    if (!opened) throw new Error('not opened');
    const { pack, backend } = opened;
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
    const velocities = await sampleSteps(swapping, pack.manifest, size);
    const milliseconds = performance.now() - start;
    const { gpuPeakBytes, heapBytes } = backend.memory();
    const { weights, ...planned } = planMemory(pack.manifest, 'f32', size, cap);
    await backend.trim();
    return {
      ...planned,
      velocities: velocities.map((values) => [...values]),
      runs,
      milliseconds,
      gpuPeakBytes,
      heapBytes,
      leftBytes: backend.memory().gpuBytes,
      resident: weights.resident.size,
      streamed: weights.streamed.size,
    };
  },
};
export type StreamRunner = typeof runner;

expose(runner);
