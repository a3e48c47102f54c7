/**
 * Runs sampling steps of a pack's transformer on the app's WebGPU backend under a cap of GPU memory, without VAE and text
 * side, and answers with what the app does not show: a hash of every velocity, bit by bit, and the bytes. No part of the app.
 */
import '../../../workers/trusted-types.ts';
import { expose } from 'comlink';
import { Pack } from '../../../workers/packs/pack.ts';
import { Store } from '../../../workers/packs/store.ts';
import type { Backend } from '../../../workers/pipeline/backend.ts';
import { Calls } from '../../../workers/pipeline/calls.ts';
import { makeDenoiser, velocityOf } from '../../../workers/pipeline/denoise.ts';
import { branchesOf } from '../../../workers/pipeline/guidance.ts';

import { noiseLatents } from '../../../workers/pipeline/noise.ts';
import { planJob } from '../../../workers/pipeline/plan.ts';
import { ProgressMeter } from '../../../workers/pipeline/progress.ts';
import { makeModulations, makeText } from '../../../workers/pipeline/prologue.ts';
import { withScope } from '../../../workers/pipeline/scope.ts';
import { GpuBackend } from '../../../workers/runtime/backend-gpu.ts';
import { chooseRuntime } from '../../../workers/runtime/choose.ts';
import { planMemory } from '../../../workers/runtime/memory-plan.ts';

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

const runner = {
  /** @param packUrl, ortUrl folders, ending in "/" */
  async open(packUrl: string, ortUrl: string): Promise<string> {
    const store = new Store({ cache: null });
    const pack = await Pack.open(store, packUrl, ['dit']);
    const wishes = { ortUrl, engine: 'webgpu', bundle: 'auto', modes: ['f32'] } as const;
    const { loaded, gpu, info } = await chooseRuntime(wishes, store, () => undefined);
    if (!gpu) throw new Error('no WebGPU');
    opened = { pack, backend: new GpuBackend(loaded, gpu, pack, { mode: 'f32', strict: true }) };
    return info.adapter;
  },

  async run({ cap, side, steps, swap }: StreamJob) {
    if (!opened) throw new Error('not opened');
    const { pack, backend } = opened;
    const { manifest } = pack;
    const { family, switches } = manifest;
    const size = { width: side, height: side, steps };
    const plan = planJob(manifest, backend, size, side);
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
    const calls = new Calls(swapping, manifest, new ProgressMeter(), undefined);
    let hash = 0x811c9dc5;
    // Nothing may be left of the run before.
    await backend.prepare(size, 0);
    await backend.prepare(size, cap);
    backend.resetPeak();
    const start = performance.now();
    await withScope(async (scope) => {
      const draw = (seed: number, rows: number, width: number) =>
        noiseLatents(seed, 16, { x: 0, y: 0, width, height: Math.ceil(rows / 16) }).data.slice(0, rows * width);
      const conditions = branchesOf(switches.guidance).map((_, branch) => {
        // Three tokens and padding, which is one row.
        const rows = 4;
        const dims = [1, rows, family.contextDim];
        const context = calls.upload(scope, 'float32', dims, draw(branch, rows, family.contextDim));
        const pooled = calls.upload(scope, 'float32', [1, family.pooledDim], draw(branch + 9, 1, family.pooledDim));
        const textRows = Int32Array.from({ length: family.contextTokens }, (_, row) => Math.min(row, rows - 1));
        return { conditions: [{ context, pooled }], textRows };
      });
      const times = Array.from({ length: steps }, (_, k) => 1 - k / steps);
      const mods = await makeModulations(calls, conditions, times, scope);
      const prologues = [];
      for (const [branch, condition] of conditions.entries()) {
        prologues.push({ ...(await makeText(calls, condition, scope)), mods: mods[branch] ?? new Map() });
      }
      const denoiser = makeDenoiser(calls, plan, steps, prologues, scope);
      const rect = { x: 0, y: 0, width: side / family.factor, height: side / family.factor };
      const reference = noiseLatents(3, family.latentChannels, rect);
      for (const [step, t] of times.entries()) {
        const { data } = await velocityOf(calls, denoiser, noiseLatents(4, 16, rect), reference, step, t);
        for (const word of new Uint32Array(data.buffer)) hash = Math.imul(hash ^ word, 0x01000193) >>> 0;
      }
    });
    const milliseconds = performance.now() - start;
    const { gpuPeakBytes, heapBytes } = backend.memory();
    const { weights, ...planned } = planMemory(manifest, 'f32', size, cap);
    await backend.trim();
    return {
      ...planned,
      hash,
      runs,
      milliseconds,
      gpuPeakBytes,
      heapBytes,
      leftBytes: backend.memory().gpuBytes,
      resident: weights.resident.size,
      streamed: weights.streamed.size,
      weightBytes: weights.residentBytes + weights.slotBytes + weights.stagingBytes,
    };
  },
};
export type StreamRunner = typeof runner;

expose(runner);
