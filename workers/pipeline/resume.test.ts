import { describe, expect, it } from 'vitest';
import { EngineError } from '../errors.ts';
import { Gate } from './gate.ts';
import { StepHistory } from './history.ts';
import type { JobOptions } from './job.ts';
import { makeLatents } from './latents.ts';
import type { Photo } from './photo.ts';
import { restorePhoto } from './restore.ts';
import { checkStep, type JobState, SANE_LIMIT } from './state.ts';
import { engineOf } from './testing/toy-job.ts';
import { toyManifest } from './testing/toy-manifest.ts';

function grain(width: number, height: number): Photo {
  return { width, height, rgb: Uint8Array.from({ length: width * height * 3 }, (_, i) => 60 + ((i * 7919) % 120)) };
}

const options: JobOptions = { task: 'noise', seed: 9, steps: 4, tile: 64 };
const photo = grain(150, 70);

/** What a checkpoint would hold: copies, since the job goes on with the latents. */
function copyOf({ step, tile, latents, history }: JobState): JobState {
  const { channels, height, width, data } = latents;
  const kept = new StepHistory(history.steps, [channels, height, width]);
  for (const at of history.available()) kept.adopt(at, Uint16Array.from(history.halves(at) ?? []));
  return { step, tile, latents: makeLatents(channels, height, width, data.slice()), history: kept };
}

describe.each(['latents', 'latents+skips'] as const)('a job that goes on (%s)', (decoderInputs) => {
  const manifest = toyManifest({ decoderInputs });

  it('gives the bytes of the uninterrupted one from every step, and computes only the rest', async () => {
    const states: JobState[] = [];
    const whole = engineOf(manifest);
    const first = await restorePhoto(whole.engine, photo, {
      ...options,
      afterStep: (state) => void states.push(copyOf(state)),
    });
    expect(states.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    for (const resume of states) {
      const { backend, engine } = engineOf(manifest);
      const seen: number[] = [];
      const later = await restorePhoto(engine, photo, {
        ...options,
        resume,
        afterStep: ({ step }) => void seen.push(step),
      });
      expect(Buffer.compare(first.rgb, later.rgb)).toBe(0);
      expect(later.kept.history.available()).toEqual(first.kept.history.available());
      expect(seen).toEqual([1, 2, 3, 4].slice(resume.step));
      expect(backend.ran.filter((id) => id === 'embed')).toHaveLength((4 - resume.step) * later.tiles);
      expect(backend.live.size).toBe(0);
    }
  });

  it('goes on from where a lost device left it', async () => {
    const whole = await restorePhoto(engineOf(manifest).engine, photo, options);
    let left: JobState | undefined;
    let calls = 0;
    const failing = engineOf(manifest, {
      before: (_, id) => {
        // In the middle of step 3, of the second tile.
        if (id === 'final' && ++calls === 2 * whole.tiles + 2) throw new EngineError('device-lost');
      },
    });
    const job = restorePhoto(failing.engine, photo, {
      ...options,
      afterStep: (state) => {
        left = state;
      },
    });
    await expect(job).rejects.toMatchObject({ code: 'device-lost' });
    expect(left?.step).toBe(2);
    const later = await restorePhoto(engineOf(manifest).engine, photo, { ...options, ...(left && { resume: left }) });
    expect(Buffer.compare(whole.rgb, later.rgb)).toBe(0);
  });

  it('paints the kept steps again where asked, each px once a step', async () => {
    const states: JobState[] = [];
    await restorePhoto(engineOf(manifest).engine, photo, {
      ...options,
      afterStep: (state) => void states.push(copyOf(state)),
    });
    for (const replay of [true, false]) {
      const areas = [0, 0, 0, 0, 0];
      const steps: number[] = [];
      const fractions: number[] = [];
      const resume = states[1] && copyOf(states[1]);
      await restorePhoto(engineOf(manifest).engine, photo, {
        ...options,
        replay,
        ...(resume && { resume }),
        events: {
          paint: ({ step, w, h }) => {
            areas[step] = (areas[step] ?? 0) + w * h;
          },
          step: (step) => steps.push(step),
          progress: ({ fraction }) => fractions.push(fraction),
        },
      });
      const all = photo.width * photo.height;
      const before = replay ? all : 0;
      expect(areas).toEqual([0, before, before, all, 2 * all]);
      expect(steps).toEqual(replay ? [1, 2, 3, 4] : [3, 4]);
      expect(fractions.at(-1)).toBe(1);
    }
  });

  it('starts from the beginning where the plan is another one', async () => {
    let left: JobState | undefined;
    await restorePhoto(engineOf(manifest).engine, photo, {
      ...options,
      afterStep: (state) => {
        if (state.step === 2) left = copyOf(state);
      },
    });
    if (!left) throw new Error('no state');
    const { backend, engine } = engineOf(manifest);
    const resume = { ...left, history: new StepHistory(3, [4, 1, 1]) };
    const job = await restorePhoto(engine, photo, { ...options, resume });
    expect(backend.ran.filter((id) => id === 'embed')).toHaveLength(4 * job.tiles);
  });
});

it('a job that runs out of memory starts over with a smaller tile, though it was resumed', async () => {
  const wide = grain(600, 40);
  const manifest = toyManifest({}, { tile: { gpu: 1024, wasm: 1024, overlap: 32 } });
  let resume: JobState | undefined;
  const { tile: _, ...whole } = options;
  await restorePhoto(engineOf(manifest).engine, wide, {
    ...whole,
    afterStep: (state) => {
      if (state.step === 2) resume = copyOf(state);
    },
  });
  if (!resume) throw new Error('no state');
  const job = await restorePhoto(engineOf(manifest, { memorySide: 200 }).engine, wide, { ...whole, resume });
  const plain = await restorePhoto(engineOf(manifest).engine, wide, { ...whole, tile: 128 });
  expect(job.tile).toBeLessThanOrEqual(128);
  expect(Buffer.compare(job.rgb, plain.rgb)).toBe(0);
});

describe('pausing', () => {
  it('holds the job between two calls until the gate opens, and leaves time and result as they are', async () => {
    const manifest = toyManifest();
    let held = 0;
    const gate = new Gate(async () => {
      held++;
    });
    const { backend, engine } = engineOf(manifest, {
      before: (call) => {
        if (call === 20) gate.close();
      },
    });
    const from = performance.now();
    const job = restorePhoto(engine, photo, { ...options, gate });
    while (held === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const ran = backend.ran.length;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(backend.ran.length).toBe(ran);
    gate.open();
    const { rgb, milliseconds } = await job;
    // Standing still for 200 ms is not counted; timers may be some milliseconds early.
    expect(performance.now() - from - milliseconds.total).toBeGreaterThan(190);
    const plain = await restorePhoto(engineOf(manifest).engine, photo, options);
    expect(Buffer.compare(rgb, plain.rgb)).toBe(0);
    expect(held).toBe(1);
  });

  it('lets a cancelled job go', async () => {
    const abort = new AbortController();
    const gate = new Gate(async () => {
      setTimeout(() => {
        abort.abort();
        gate.open();
      });
    });
    gate.close();
    const job = restorePhoto(engineOf(toyManifest()).engine, photo, { ...options, gate, signal: abort.signal });
    await expect(job).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('checkStep', () => {
  const one = (value: number) => makeLatents(1, 1, 2, Float32Array.of(0, value));

  it('refuses what is not finite or not sane, and leaves the latents alone', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3 * SANE_LIMIT]) {
      const latents = one(0.5);
      expect(() => checkStep(latents, one(bad), 1, 0.5, 2)).toThrow(
        expect.objectContaining({ code: 'bad-numbers', values: { step: 2 } }),
      );
      expect([...latents.data]).toEqual([0, 0.5]);
    }
    expect(() => checkStep(one(0.5), one(SANE_LIMIT), 1, 0.5, 2)).not.toThrow();
  });
});
