/** Steps that are not computed in full, on the conformance pack (8 blocks, guidance) in Node: what runs, and what comes out. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  adoptEstimate,
  estimateHeader,
  stepHeader,
  stepPayload,
  stepSchema,
  toState,
} from '../../workers/checkpoint/format.ts';
import type { JobOptions } from '../../workers/pipeline/job.ts';
import type { Photo } from '../../workers/pipeline/photo.ts';
import { blockInstances } from '../../workers/pipeline/plan.ts';
import { restorePhoto } from '../../workers/pipeline/restore.ts';
import type { JobState } from '../../workers/pipeline/state.ts';
import { makeConformancePack } from '../conformance/make.ts';
import { readPhoto } from '../restore/files.ts';
import { type NodeEngine, openEngine } from './backend.ts';

const STEPS = 6;
let folder: string;
let engine: NodeEngine;
let photo: Photo;
let whole: Awaited<ReturnType<typeof job>>;
let tiles: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caching-'));
  await makeConformancePack(folder);
  engine = await openEngine(folder, 'wasm', 1);
  const { width, rgb } = await readPhoto(fileURLToPath(new URL('../../e2e/fixtures/noise-64.png', import.meta.url)));
  photo = { width, height: 32, rgb: rgb.subarray(0, 3 * width * 32) };
  whole = await job();
  tiles = whole.branches / STEPS / 2;
});
afterAll(async () => {
  await engine.backend.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** A job in two tiles, with the block calls that it made. */
async function job(saving: Partial<JobOptions> = {}): Promise<{ rgb: Uint8Array; blocks: number; branches: number }> {
  const ids = new Set(blockInstances(engine.manifest));
  const spy = vi.spyOn(engine.backend, 'run');
  try {
    const { rgb } = await restorePhoto(engine, photo, { task: 'noise', seed: 3, steps: STEPS, tile: 48, ...saving });
    const ran = spy.mock.calls.map(([instance]) => instance);
    return {
      rgb,
      blocks: ran.filter((id) => ids.has(id)).length,
      branches: ran.filter((id) => id === 'double.0').length,
    };
  } finally {
    spy.mockRestore();
  }
}

/** The state as it is read back from the files that are written of it. */
function throughCheckpoint(state: JobState): JobState {
  const header = stepSchema.parse(JSON.parse(JSON.stringify(stepHeader(state, 1, { kind: 'wasm', mode: 'f32' }))));
  const read = toState(header, stepPayload(state));
  if (!read) throw new Error('the checkpoint was refused');
  const halves = state.history.halves(state.step);
  if (halves) adoptEstimate(read, estimateHeader(state), new Uint8Array(Uint16Array.from(halves).buffer));
  return read;
}

describe('steps that are not computed in full', () => {
  it('reuse what the blocks behind the first added, for each tile and branch', async () => {
    expect(tiles).toBeGreaterThan(1);
    expect(whole.blocks).toBe(8 * whole.branches);
    // A share that no change is below: nothing is left out, and caching changes no bit.
    const none = await job({ firstBlockCache: 1e-9 });
    expect(none.blocks).toBe(whole.blocks);
    expect(Buffer.compare(none.rgb, whole.rgb)).toBe(0);
    // Random weights change a lot from step to step; where they change by less than all, the seven blocks are left out.
    const most = await job({ firstBlockCache: 1 });
    expect(most.branches).toBe(whole.branches);
    const reused = (whole.blocks - most.blocks) / 7;
    expect(reused).toBeGreaterThan(0);
    expect(Number.isInteger(reused)).toBe(true);
    expect(reused).toBeLessThanOrEqual(2 * tiles * (STEPS - 1));
    expect(Buffer.compare(most.rgb, whole.rgb)).not.toBe(0);
    expect(new Set(most.rgb).size).toBeGreaterThan(10);
  });

  it('leave the branch without prompt out late in the schedule', async () => {
    const half = await job({ skipUncond: 0.5 });
    const skipped = (whole.branches - half.branches) / tiles;
    expect(skipped).toBeGreaterThan(0);
    expect(skipped).toBeLessThan(STEPS);
    expect(Buffer.compare(half.rgb, whole.rgb)).not.toBe(0);
    // At t = 1 the first step has no difference to go by: both branches run, then one.
    const late = await job({ skipUncond: 1 });
    expect(late.branches).toBe(tiles * (STEPS + 1));
    expect(new Set(late.rgb).size).toBeGreaterThan(10);
  });

  it('go on from every step to the bytes of the uninterrupted job', async () => {
    const saving = { firstBlockCache: 1, skipUncond: 0.5 };
    const states: JobState[] = [];
    const first = await job({ ...saving, afterStep: (state) => void states.push(throughCheckpoint(state)) });
    // Something was left out, and not everywhere at the same steps: else this would prove nothing.
    expect(first.blocks).toBeLessThan(8 * first.branches);
    expect(first.branches).toBeLessThan(whole.branches);
    expect(new Set(states.flatMap(({ saved }) => saved?.fullSteps.map(({ step }) => step))).size).toBeGreaterThan(1);
    for (const resume of states.slice(0, -1)) {
      const later = await job({ ...saving, resume });
      expect(Buffer.compare(later.rgb, first.rgb)).toBe(0);
    }
    // Without what it saved, such a job comes out differently.
    const { saved, ...forgetful } = states[2] as JobState;
    expect(saved?.fullSteps.length).toBeGreaterThan(0);
    expect(Buffer.compare((await job({ ...saving, resume: forgetful })).rgb, first.rgb)).not.toBe(0);
  });

  it('are refused for packs without guidance', async () => {
    const small = await openEngine(fileURLToPath(new URL('../../public/packs/small', import.meta.url)), 'wasm', 1);
    const skipping = restorePhoto(small, photo, { task: 'noise', seed: 3, skipUncond: 0.5 });
    await expect(skipping).rejects.toThrow('This pack has no branch without prompt.');
    await small.backend.dispose();
  });
});
