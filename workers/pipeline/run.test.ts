import { describe, expect, it } from 'vitest';
import { EngineError } from '../errors.ts';
import { plannedCalls } from './call-plan.ts';
import type { JobOptions } from './job.ts';
import { noiseLatents } from './noise.ts';
import { planJob } from './plan.ts';
import { modInstances } from './prologue.ts';
import { withRefine } from './refine.ts';
import { decodeStep, restorePhoto } from './restore.ts';
import type { ToyBackend } from './testing/toy.ts';
import { blocks, engineOf, expectedLevel, options, worstError } from './testing/toy-job.ts';
import { toyManifest } from './testing/toy-manifest.ts';

describe('a job', () => {
  it("gives Euler's exact result: photo + σ noise Π(1 - a/n)", async () => {
    const { backend, engine } = engineOf(toyManifest());
    const photo = blocks(96, 64);
    const { rgb, tiles, steps } = await restorePhoto(engine, photo, options);
    expect([tiles, steps]).toEqual([1, 4]);
    // Task 0 is pooled 1, so a = 1 in every step: (3/4)^4.
    expect(worstError(photo, rgb, (x, y, c) => expectedLevel(photo, x, y, c, 0.5, 0.75 ** 4))).toBeLessThan(0.51);
    // Task 1 is pooled 2: (1/2)^4.
    const haze = await restorePhoto(engine, photo, { ...options, task: 'haze' });
    expect(worstError(photo, haze.rgb, (x, y, c) => expectedLevel(photo, x, y, c, 0.5, 0.5 ** 4))).toBeLessThan(0.51);
    expect(backend.live.size).toBe(0);
  });

  it('ends with the last pass of its task, tiled or not, and so does a kept step', async () => {
    const manifest = toyManifest({}, { refine: [{ task: 'haze', instance: 'refine' }] });
    const photo = blocks(96, 64);
    const { backend, engine } = engineOf(manifest);
    await restorePhoto(engine, photo, options);
    expect(backend.ran).not.toContain('refine');
    for (const tile of [128, 64]) {
      backend.ran.length = 0;
      backend.downloads = 0;
      const job = await restorePhoto(engine, photo, { ...options, task: 'haze', tile });
      // Half of what Euler's result is off the photo.
      const expected = (x: number, y: number, c: number) => expectedLevel(photo, x, y, c, 0.5, 0.5 ** 4 / 2);
      expect(worstError(photo, job.rgb, expected)).toBeLessThan(0.51);
      expect(backend.ran.filter((id) => id === 'refine')).toHaveLength(job.tiles);
      const planned = plannedCalls(withRefine(manifest, 'haze'), planJob(manifest, backend, photo, tile), 4);
      const calls = [...planned.values()].reduce((sum, { count }) => sum + count, 0);
      expect(backend.ran.length + backend.downloads).toBe(calls);
      const again = await decodeStep(engine, photo, job.kept, 4);
      expect(Buffer.compare(again.rgb, job.rgb)).toBe(0);
    }
    expect(backend.live.size).toBe(0);
  });

  it('takes tiles through the blocks together where the backend asks for it, to the same bits', async () => {
    const photo = blocks(211, 157);
    const alone = engineOf(toyManifest());
    const shared = engineOf(toyManifest());
    Object.assign(shared.backend, { prepare: async () => 3 });
    const one = await restorePhoto(alone.engine, photo, { ...options, tile: 64 });
    const three = await restorePhoto(shared.engine, photo, { ...options, tile: 64 });
    expect(Buffer.compare(three.rgb, one.rgb)).toBe(0);
    const order = (ran: string[]) =>
      ran
        .filter((id) => /^(double|single)\.\d+$/.test(id))
        .map((id) => id[0])
        .join('');
    expect(order(alone.backend.ran)).toMatch(/^(ds)+$/);
    // The last group of a step may be smaller.
    expect(order(shared.backend.ran)).toMatch(/^(dddsss|ddss|ds)+$/);
    expect(order(shared.backend.ran)).toMatch(/^dddsss/);
    expect(shared.backend.live.size).toBe(0);
  });

  it('gives the same in tiles as in one piece, for sizes that no tile divides', async () => {
    const photo = blocks(211, 157);
    for (const decoderInputs of ['latents', 'latents+skips'] as const) {
      const manifest = toyManifest({ decoderInputs });
      const whole = engineOf(manifest);
      const cut = engineOf(manifest);
      const one = await restorePhoto(whole.engine, photo, { ...options, tile: 512 });
      const many = await restorePhoto(cut.engine, photo, { ...options, tile: 64 });
      expect([one.tiles, many.tiles > 12, many.tile <= 64]).toEqual([1, true, true]);
      const difference = worstError(photo, one.rgb, (x, y, c) => many.rgb[3 * (y * photo.width + x) + c] ?? 0);
      expect(difference).toBeLessThanOrEqual(1);
      expect(cut.backend.live.size + whole.backend.live.size).toBe(0);
    }
  });

  it('hands task and skips to a decoder that wants them, and encodes again what the cache has no room for', async () => {
    const manifest = toyManifest({ decoderInputs: 'latents+skips' });
    const photo = blocks(150, 100);
    const roomy = engineOf(manifest);
    const tight = engineOf(manifest);
    const a = await restorePhoto(roomy.engine, photo, { ...options, tile: 64 });
    // Room for two tiles' skips of 3 · 64 · 64 floats at most.
    const b = await restorePhoto(tight.engine, photo, { ...options, tile: 64, skipCacheBytes: 2 * 4 * 3 * 64 * 64 });
    const encodes = ({ ran }: ToyBackend) => ran.filter((id) => id === 'enc.a').length;
    expect(encodes(roomy.backend)).toBe(1 + a.tiles);
    expect(encodes(tight.backend)).toBe(1 + a.tiles + (a.tiles - 2));
    expect(Buffer.compare(a.rgb, b.rgb)).toBe(0);
    // The decoder adds pooled / 10 = 0.1 · 127.5 levels for task 0.
    const expected = (x: number, y: number, c: number) =>
      Math.min(255, expectedLevel(photo, x, y, c, 0.5, 0.75 ** 4) + 12.75);
    expect(worstError(photo, a.rgb, expected)).toBeLessThan(0.6);
  });

  it('runs the switches of the big family: noise, tokens, baked states, cfg', async () => {
    // Three prompts of two rows; the empty prompt last. The second row of the first and of the last are padding.
    const states = new Uint8Array(Float32Array.of(1.5, 99, 2, 4, 0.5, 0).buffer);
    const manifest = toyManifest({
      start: { kind: 'noise' },
      reference: { kind: 'tokens', axis0: 1 },
      conditioning: {
        kind: 'qwen2.5-vl',
        stateDim: 1,
        tokens: 2,
        states: { shard: 's', offset: 0, bytes: 24 },
        valid: [1, 2, 1],
      },
      guidance: { kind: 'cfg', scale: 3, truncate: 1, power: 0.4 },
    });
    const photo = blocks(64, 48);
    const { backend, engine } = engineOf(manifest, {}, states);
    const { rgb } = await restorePhoto(engine, photo, { ...options, steps: 3 });
    const planned = plannedCalls(manifest, planJob(manifest, backend, photo), 3, { paints: false });
    const calls = [...planned.values()].reduce((sum, { count }) => sum + count, 0);
    expect(backend.ran.length + backend.downloads).toBe(calls);
    // z - z_ref shrinks by 1 + dt (u + 3 (c - u)) with c = 1.5 + cos(1000 t), u = 0.5 + cos(1000 t).
    let product = 1;
    for (const t of [1, 2 / 3, 1 / 3]) product *= 1 - (0.5 + Math.cos(1000 * t) + 3) / 3;
    const mean = (x: number, y: number, c: number) => photo.rgb[3 * (y * 64 + x) + c] ?? 0;
    const expected = (x: number, y: number, c: number) => {
      const noise = noiseLatents(9, 4, { x: x >> 3, y: y >> 3, width: 1, height: 1 }).data[c] ?? 0;
      const reference = mean(x, y, c) / 127.5 - 1;
      const value = reference + (noise - reference) * product;
      return Math.min(255, Math.max(0, value * 127.5 + 127.5));
    };
    expect(worstError(photo, rgb, expected)).toBeLessThan(0.52);
    expect(backend.live.size).toBe(0);
    expect(backend.ran.filter((id) => id === 'connector')).toHaveLength(6);
    expect(backend.ran.filter((id) => id === 'embed')).toHaveLength(3);
    // Weights of the prologue: one instance after the other for both branches, and gone before the first step.
    const mods = modInstances(1, 1);
    const prologue = backend.ran.slice(0, backend.ran.indexOf(manifest.vae.encode[0] ?? ''));
    expect(prologue.slice(-2 * mods.length)).toEqual(mods.flatMap((id) => [id, id]));
    expect([...new Set(prologue)].sort()).toEqual(backend.released.filter((id) => id !== 'conditioning').sort());
  });

  it("takes a job's own settings in place of the pack's", async () => {
    // One valid row of two for both prompts: c = 1.5 + cos(1000 t), u = 0.5 + cos(1000 t).
    const states = new Uint8Array(Float32Array.of(1.5, 0, 2, 4, 0.5, 0).buffer);
    const manifest = toyManifest({
      start: { kind: 'noise' },
      reference: { kind: 'tokens', axis0: 1 },
      conditioning: {
        kind: 'qwen2.5-vl',
        stateDim: 1,
        tokens: 2,
        states: { shard: 's', offset: 0, bytes: 24 },
        valid: [1, 2, 1],
      },
      guidance: { kind: 'cfg', scale: 3, truncate: 1, power: 0.4 },
    });
    const photo = blocks(32, 32);
    const run = (settings: Partial<JobOptions>) => {
      const made = engineOf(manifest, {}, states);
      return restorePhoto(made.engine, photo, { ...options, steps: 2, ...settings }).then((job) => ({ ...made, job }));
    };
    const usual = await run({});
    const same = await run({ guidanceScale: 3, referenceId: 1 });
    expect(Buffer.compare(usual.job.rgb, same.job.rgb)).toBe(0);
    const stronger = await run({ guidanceScale: 4 });
    expect(Buffer.compare(usual.job.rgb, stronger.job.rgb)).not.toBe(0);
    // Scale 1 is the conditional branch alone.
    const off = await run({ guidanceScale: 1 });
    expect(off.backend.ran.filter((id) => id === 'double.0')).toHaveLength(2);
    expect(usual.backend.ran.filter((id) => id === 'double.0')).toHaveLength(4);
    await expect(run({ guidanceEmbed: 4 })).rejects.toThrow(/no guidance embedding/);
    await expect(run({ referenceId: 2 })).rejects.toThrow(/must be 0 or 1, not 2/);
  });

  it('without its DiT hands the reference latents to the decoder', async () => {
    const { backend, engine } = engineOf(toyManifest());
    const photo = blocks(40, 24);
    const { rgb, steps } = await restorePhoto(engine, photo, { ...options, ditOff: true });
    expect(steps).toBe(0);
    expect(worstError(photo, rgb, (x, y, c) => photo.rgb[3 * (y * 40 + x) + c] ?? 0)).toBe(0);
    expect(backend.ran).not.toContain('embed');
    expect(backend.live.size).toBe(0);
  });

  it('takes photos of a single px', async () => {
    const { engine } = engineOf(toyManifest({ decoderInputs: 'latents+skips' }));
    const { rgb } = await restorePhoto(engine, { width: 1, height: 1, rgb: Uint8Array.of(10, 20, 30) }, options);
    expect(rgb).toHaveLength(3);
  });

  it('holds the steps within the limits of the pack', async () => {
    const { engine } = engineOf(toyManifest());
    expect((await restorePhoto(engine, blocks(16, 16), { ...options, steps: 99 })).steps).toBe(8);
    const { steps: _, ...usual } = options;
    expect((await restorePhoto(engine, blocks(16, 16), usual)).steps).toBe(4);
  });
});

describe('the end of a job', () => {
  it('by cancelling disposes every tensor, wherever it happens', async () => {
    for (const decoderInputs of ['latents', 'latents+skips'] as const) {
      const manifest = toyManifest({ decoderInputs });
      const photo = blocks(100, 40);
      const count = engineOf(manifest);
      await restorePhoto(count.engine, photo, { ...options, steps: 2, tile: 64 });
      const calls = count.backend.ran.length;
      expect(calls).toBeGreaterThan(20);
      for (let at = 0; at < calls; at++) {
        const controller = new AbortController();
        const { backend, engine } = engineOf(manifest, {
          before: (call) => {
            if (call === at) controller.abort();
          },
        });
        const job = restorePhoto(engine, photo, { ...options, steps: 2, tile: 64, signal: controller.signal });
        if (at < calls - 1) await expect(job).rejects.toMatchObject({ code: 'cancelled' });
        else await job.catch((error) => expect(error).toMatchObject({ code: 'cancelled' }));
        expect(backend.live.size).toBe(0);
        // The call in flight was the last one.
        expect(backend.ran.length).toBe(at + 1);
      }
    }
  });

  it('sees an abort that comes as a message, between two calls', async () => {
    const controller = new AbortController();
    let calls = 0;
    let sent = 0;
    const slow = (call: number) => {
      calls++;
      // From here on the message lies in the queue of this thread; calls of 12 ms let it in after 50 ms at the latest.
      if (call === 8) setTimeout(() => controller.abort());
      if (call === 8) sent = calls;
      const end = performance.now() + 12;
      while (performance.now() < end);
    };
    const { backend, engine } = engineOf(toyManifest(), { before: slow });
    const job = restorePhoto(engine, blocks(32, 32), { ...options, steps: 8, signal: controller.signal });
    await expect(job).rejects.toMatchObject({ code: 'cancelled' });
    // Counted, not timed: a busy machine makes calls longer, never more of them.
    expect(calls - sent).toBeLessThanOrEqual(Math.ceil(50 / 12));
    expect(backend.live.size).toBe(0);
  });

  it('by a fault of the backend disposes every tensor and passes the error on', async () => {
    const { backend, engine } = engineOf(toyManifest(), {
      before: (_, id) => {
        if (id === 'single.0') throw new EngineError('device-lost');
      },
    });
    await expect(restorePhoto(engine, blocks(50, 50), options)).rejects.toMatchObject({ code: 'device-lost' });
    expect(backend.live.size).toBe(0);
  });

  it('by a velocity that is no number says which step', async () => {
    const { backend, engine } = engineOf(toyManifest(), { nanFromStep: 2 });
    const job = restorePhoto(engine, blocks(50, 50), options);
    await expect(job).rejects.toMatchObject({ code: 'bad-numbers', values: { step: 3 } });
    expect(backend.live.size).toBe(0);
  });

  it('out of memory starts again with smaller tiles, down to 128 px', async () => {
    const manifest = toyManifest({}, { tile: { gpu: 1024, wasm: 1024, overlap: 32 } });
    const photo = blocks(600, 40);
    const { backend, engine } = engineOf(manifest, { memorySide: 200 });
    const notices: Record<string, number>[] = [];
    const fractions: number[] = [];
    const job = await restorePhoto(engine, photo, {
      ...options,
      events: {
        notice: (_, values) => notices.push(values),
        progress: ({ fraction }) => fractions.push(fraction),
      },
    });
    expect(notices).toEqual([{ tile: 304 }, { tile: 128 }]);
    expect(job.tile).toBeLessThanOrEqual(128);
    expect(worstError(photo, job.rgb, (x, y, c) => expectedLevel(photo, x, y, c, 0.5, 0.75 ** 4))).toBeLessThan(0.6);
    expect(fractions.every((fraction, i) => i === 0 || fraction >= (fractions[i - 1] ?? 0))).toBe(true);
    expect(fractions.at(-1)).toBe(1);
    expect(backend.live.size).toBe(0);

    const hopeless = engineOf(manifest, { memorySide: 100 });
    await expect(restorePhoto(hopeless.engine, photo, options)).rejects.toMatchObject({ code: 'out-of-memory' });
    expect(hopeless.backend.live.size).toBe(0);
  });

  it('so does an array that JavaScript can not have', async () => {
    const manifest = toyManifest({}, { tile: { gpu: 1024, wasm: 1024, overlap: 32 } });
    const { backend, engine } = engineOf(manifest, { before: once(noArray) });
    const notices: Record<string, number>[] = [];
    const events = { notice: (_: string, values: Record<string, number>) => notices.push(values) };
    await restorePhoto(engine, blocks(600, 40), { ...options, events });
    expect(notices).toEqual([{ tile: 304 }]);
    expect(backend.live.size).toBe(0);

    const hopeless = engineOf(manifest, { before: noArray });
    await expect(restorePhoto(hopeless.engine, blocks(600, 40), options)).rejects.toThrow(RangeError);
    expect(hopeless.backend.live.size).toBe(0);
  });

  it('only the first look at the whole photo is taken in tiles where there is no array for it alone', async () => {
    const anchor = { side: 256, sigma: 1, tasks: [options.task] };
    const { backend, engine } = engineOf(toyManifest({}, { anchor }), { before: once(noArray) });
    const notices: unknown[] = [];
    const job = await restorePhoto(engine, blocks(600, 40), {
      ...options,
      events: { notice: (code) => notices.push(code) },
    });
    expect([notices, job.tile]).toEqual([[], 128]);
    expect(backend.live.size).toBe(0);
  });
});

/** The error that the engine itself throws. */
const noArray = () => new ArrayBuffer(2 ** 52);

function once(fail: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    fail();
  };
}
