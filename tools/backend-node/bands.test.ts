/** Whole jobs of the conformance pack with its autoencoder in bands: result, progress, cancelling. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineError } from '../../workers/errors.ts';
import type { Tensor } from '../../workers/pipeline/backend.ts';
import { plannedCalls } from '../../workers/pipeline/call-plan.ts';
import { Calls } from '../../workers/pipeline/calls.ts';
import { runChain } from '../../workers/pipeline/chain.ts';
import { chainPeakBytes } from '../../workers/pipeline/chain-plan.ts';
import type { Photo } from '../../workers/pipeline/photo.ts';
import { planJob } from '../../workers/pipeline/plan.ts';
import { ProgressMeter } from '../../workers/pipeline/progress.ts';
import { restorePhoto } from '../../workers/pipeline/restore.ts';
import { withScope } from '../../workers/pipeline/scope.ts';
import type { Progress } from '../../workers/protocol.ts';
import { makeConformancePack } from '../conformance/make.ts';
import { NodeBackend, type NodeEngine, openEngine } from './backend.ts';
import { loadOrt } from './ort.ts';
import { PackFolder } from './pack-folder.ts';

/** A few rows of the first level's 32 channels at 96 px. */
const BAND_BYTES = 9 * 96 * 32 * 4;
const options = { task: 'noise', steps: 1, seed: 3 } as const;

function picture(width: number, height: number): Photo {
  const rgb = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 7919 + (i >> 5) * 31) % 256);
  return { width, height, rgb };
}

describe('a job in bands', () => {
  const photo = picture(96, 64);
  let folder: string;
  let engine: NodeEngine;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bands-'));
    await makeConformancePack(folder);
    engine = await openEngine(folder, 'wasm', 1);
  });
  afterAll(async () => {
    await engine.backend.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  it('gives the photo that one band gives', async () => {
    const whole = await restorePhoto(engine, photo, options);
    const bands = await restorePhoto(engine, photo, { ...options, bandBytes: BAND_BYTES });
    // fp32 rounds in another order: here and there a level falls on the other side.
    const off = bands.rgb.reduce((sum, level, i) => sum + Math.abs(level - (whole.rgb[i] ?? 0)), 0);
    expect(off / whole.rgb.length).toBeLessThan(0.001);
    expect(bands.longestCallMs).toBeGreaterThan(0);
  });

  it('makes as many calls as were planned, and its progress only grows, to the end', async () => {
    const seen: Progress[] = [];
    const events = { progress: (progress: Progress) => seen.push(progress) };
    await restorePhoto(engine, photo, { ...options, bandBytes: BAND_BYTES, events });
    const plan = planJob(engine.manifest, engine.backend, photo, undefined, undefined, BAND_BYTES);
    const planned = plannedCalls(engine.manifest, plan, options.steps, { paints: false });
    expect(seen).toHaveLength([...planned.values()].reduce((sum, { count }) => sum + count, 0));
    const fractions = seen.map(({ fraction }) => fraction);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBeCloseTo(1, 9);
    // No step of the meter is a large part of the job.
    const steps = fractions.map((fraction, i) => fraction - (fractions[i - 1] ?? 0));
    expect(Math.max(...steps.slice(5))).toBeLessThan(0.25);
  });

  it('holds no more between the graphs than was planned, and a few bands', async () => {
    const backend = new CountingBackend(await loadOrt('wasm', 1), 'wasm', await PackFolder.open(folder));
    const { manifest } = engine;
    const calls = new Calls(backend, manifest, new ProgressMeter(), undefined, {}, BAND_BYTES);
    for (const [chain, name, dims, wanted] of [
      [manifest.vae.encode, 'photo', [1, 3, 192, 128], 'latents'],
      [manifest.vae.decode, 'latents', [1, 16, 24, 16], 'restored'],
    ] as const) {
      const planned = chainPeakBytes(manifest, chain, { [name]: dims }, new Set([wanted]), BAND_BYTES);
      backend.peakBytes = 0;
      await withScope(async (scope) => {
        const length = dims.reduce<number>((all, side) => all * side, 1);
        const given = { [name]: calls.upload(scope, 'float32', dims, new Float32Array(length)) };
        await runChain(calls, chain, given, new Set([wanted]), scope, '');
      });
      // Whole layers are many times a band here, so that the bound says something.
      expect(planned).toBeGreaterThan(20 * BAND_BYTES);
      expect(backend.peakBytes).toBeLessThan(planned + 8 * BAND_BYTES);
      expect(backend.peakBytes).toBeGreaterThan(0.9 * planned);
    }
    await backend.dispose();
  });

  it('stops between two bands, and leaves no tensor behind however it ends', async () => {
    for (const last of [3, 20, Number.POSITIVE_INFINITY]) {
      const backend = new CountingBackend(await loadOrt('wasm', 1), 'wasm', await PackFolder.open(folder));
      const controller = new AbortController();
      let calls = 0;
      const events = {
        progress: ({ stage }: Progress) => {
          if (stage === 'encode' && ++calls === last) controller.abort();
        },
      };
      const all = { ...options, bandBytes: BAND_BYTES, signal: controller.signal, events };
      const code = await restorePhoto({ ...engine, backend }, photo, all).then(
        () => 'done',
        (error: EngineError) => error.code,
      );
      expect(code).toBe(last === Number.POSITIVE_INFINITY ? 'done' : 'cancelled');
      if (code !== 'done') expect(calls).toBe(last);
      expect(backend.made).toBeGreaterThan(calls);
      expect(backend.live).toBe(0);
      await backend.dispose();
    }
  });
});

/** Counts its tensors and their bytes. */
class CountingBackend extends NodeBackend {
  made = 0;
  live = 0;
  bytes = 0;
  peakBytes = 0;

  #count(tensor: Tensor): Tensor {
    this.made++;
    this.live++;
    const bytes = 4 * tensor.dims.reduce((all, side) => all * side, 1);
    this.bytes += bytes;
    this.peakBytes = Math.max(this.peakBytes, this.bytes);
    const dispose = tensor.dispose.bind(tensor);
    return Object.assign(tensor, {
      dispose: () => {
        this.live--;
        this.bytes -= bytes;
        dispose();
      },
    });
  }

  override upload(...args: Parameters<NodeBackend['upload']>): Tensor {
    return this.#count(super.upload(...args));
  }

  override join(...args: Parameters<NodeBackend['join']>): Tensor {
    return this.#count(super.join(...args));
  }

  override async run(...args: Parameters<NodeBackend['run']>): Promise<Record<string, Tensor>> {
    const outputs = await super.run(...args);
    for (const tensor of Object.values(outputs)) this.#count(tensor);
    return outputs;
  }
}
