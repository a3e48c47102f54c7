/** Jobs that are taken up again from their checkpoint, on onnxruntime-web's wasm in Node and a real folder. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adoptEstimate, type JobSettings, toState } from '../../workers/checkpoint/format.ts';
import { JobKeeper } from '../../workers/checkpoint/keeper.ts';
import { CheckpointService } from '../../workers/checkpoint/service.ts';
import type { Photo } from '../../workers/pipeline/photo.ts';
import { restorePhoto } from '../../workers/pipeline/restore.ts';
import { makeConformancePack } from '../conformance/make.ts';
import { nodeDisk } from '../packs/node-disk.ts';
import { readPhoto } from '../restore/files.ts';
import { type NodeEngine, openEngine } from './backend.ts';

const fromRepo = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const ID = '00000000-0000-4000-8000-000000000001';
const STEPS = 2;

async function packFolder(name: 'embedded' | 'conformance', scratch: string): Promise<string> {
  if (name === 'embedded') return fromRepo('public/packs/small');
  await makeConformancePack(join(scratch, 'pack'));
  return join(scratch, 'pack');
}

describe.each(['embedded', 'conformance'] as const)('a job of the %s pack', (name) => {
  let scratch: string;
  let engine: NodeEngine;
  let photo: Photo;
  const options = { task: 'noise', steps: STEPS, seed: 5, tile: 64 } as const;

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'resume-'));
    engine = await openEngine(await packFolder(name, scratch), 'wasm', 1);
    photo = await readPhoto(fromRepo('e2e/fixtures/noise-96.png'));
  });
  afterAll(async () => {
    await engine.backend.dispose();
    await rm(scratch, { recursive: true, force: true });
  });

  it('ended after any step goes on from its checkpoint, bit for bit, film strip and all', async () => {
    const whole = await restorePhoto(engine, photo, options);
    expect(whole.tiles).toBeGreaterThan(1);
    const settings: JobSettings = {
      id: ID,
      began: 1,
      photo: { name: 'noise-96.png', type: 'image/png' },
      task: 'noise',
      steps: STEPS,
      seed: 5,
      tile: 64,
      switches: {},
      pack: { name, version: '1', manifest: '0'.repeat(64) },
    };
    for (let last = 1; last <= STEPS; last++) {
      const root = join(scratch, `disk-${last}`);
      const abort = new AbortController();
      const door = new CheckpointService(async () => nodeDisk(root));
      const keeper = new JobKeeper(ID, 0, door, (detail) => {
        throw new Error(detail);
      });
      keeper.begin(settings, new Blob(['photo']));
      const job = restorePhoto(engine, photo, {
        ...options,
        signal: abort.signal,
        afterStep: async (state) => {
          await keeper.afterStep(state, engine.backend);
          if (state.step === last) abort.abort();
        },
      });
      await expect(job).rejects.toMatchObject({ code: 'cancelled' });

      // Its last write may still be under way; calls are answered in turn.
      await door.list();
      // A new life: everything comes from the disk.
      const again = new CheckpointService(async () => nodeDisk(root));
      const listed = await again.list();
      expect(listed).toMatchObject({ ok: true, value: [{ step: last, settings }] });
      const loaded = await again.load(ID);
      if (!loaded.ok || !loaded.value) throw new Error('nothing was loaded');
      const { header, latents, estimates } = loaded.value;
      expect(header).toMatchObject({ step: last, engine: { kind: 'wasm', mode: 'f32' } });
      const resume = toState(header, latents);
      if (!resume) throw new Error('no state');
      for (const estimate of estimates) adoptEstimate(resume, estimate.header, estimate.halves);
      const later = await restorePhoto(engine, photo, { ...options, resume });
      expect(Buffer.compare(whole.rgb, later.rgb)).toBe(0);
      for (const step of whole.kept.history.available()) {
        expect(later.kept.history.halves(step)).toEqual(whole.kept.history.halves(step));
      }
    }
  });
});
