import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeDisk } from '../../tools/packs/node-disk.ts';
import { numberToHalf } from '../packs/half.ts';
import { StepHistory } from '../pipeline/history.ts';
import { makeLatents } from '../pipeline/latents.ts';
import type { JobState } from '../pipeline/state.ts';
import { random } from '../testing/fuzz.ts';
import { adoptEstimate, type JobSettings, toState } from './format.ts';
import { JobKeeper } from './keeper.ts';
import { encodeRecord, isWhole, openRecord } from './record.ts';
import { CheckpointService } from './service.ts';

const id = (n: number) => `00000000-0000-4000-8000-00000000000${n}`;
const PHOTO = new Blob([Uint8Array.from({ length: 5000 }, (_, i) => i % 251)]);
const STEPS = 4;
const backend = { kind: 'wasm', mode: 'f32' } as const;

let root: string;
let troubles: string[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'checkpoint-'));
  troubles = [];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const service = (quota?: number) => new CheckpointService(async () => nodeDisk(root, quota));
const keeperOf = (door: CheckpointService, n = 1, sequence = 0) =>
  new JobKeeper(id(n), sequence, door, (detail) => void troubles.push(detail));

function settings(n = 1): JobSettings {
  return {
    id: id(n),
    began: n,
    photo: { name: `ürlaub ${n}.jpg`, type: 'image/jpeg' },
    task: 'haze',
    steps: STEPS,
    seed: 7,
    tile: null,
    switches: { guidanceScale: 3 },
    pack: { name: 'small', version: '1', manifest: 'ab'.repeat(32) },
  };
}

/** The state after `step`: every value says which step and place it belongs to. */
function stateAt(step: number, tile = 64): JobState {
  const latents = makeLatents(
    2,
    3,
    5,
    Float32Array.from({ length: 30 }, (_, i) => step + i / 64),
  );
  const history = new StepHistory(STEPS, [2, 3, 5]);
  for (let k = 1; k <= step; k++) history.adopt(k, new Uint16Array(30).fill(numberToHalf(k / 8)));
  return { step, tile, latents, history };
}

async function written(steps: number, tile?: number): Promise<CheckpointService> {
  const door = service();
  const keeper = keeperOf(door);
  keeper.begin(settings(), PHOTO);
  for (let step = 1; step <= steps; step++) await keeper.afterStep(stateAt(step, tile), backend);
  // Calls are answered in turn: this one comes after all writes.
  await door.list();
  expect(troubles).toEqual([]);
  return door;
}

async function load(door: CheckpointService): Promise<JobState | null> {
  const loaded = await door.load(id(1));
  if (!loaded.ok) throw new Error(loaded.detail);
  if (!loaded.value) return null;
  const { header, latents, estimates } = loaded.value;
  const state = toState(header, latents);
  for (const estimate of state ? estimates : []) adoptEstimate(state as JobState, estimate.header, estimate.halves);
  return state;
}

const path = (name: string) => join(root, 'jobs', id(1), name);

describe('a checkpoint', () => {
  it('gives back settings, photo and the newest step with all estimates', async () => {
    for (const steps of [1, 2, 3, 4]) {
      const door = await written(steps);
      expect(await door.list()).toEqual({ ok: true, value: [{ settings: settings(), step: steps }] });
      expect(await load(door)).toEqual(stateAt(steps));
      const photo = await door.photo(id(1));
      if (!photo.ok || !photo.value) throw new Error('no photo');
      expect([photo.value.name, photo.value.type]).toEqual(['ürlaub 1.jpg', 'image/jpeg']);
      expect(new Uint8Array(await photo.value.arrayBuffer())).toEqual(new Uint8Array(await PHOTO.arrayBuffer()));
      await door.remove(id(1));
      expect(readdirSync(join(root, 'jobs'))).toEqual([]);
      expect(await door.list()).toEqual({ ok: true, value: [] });
    }
  });

  it('of a job that has no step yet starts it from the beginning', async () => {
    const door = await written(0);
    expect(await door.list()).toEqual({ ok: true, value: [{ settings: settings(), step: 0 }] });
    expect(await load(door)).toBeNull();
  });

  it('falls back to the step before when the newest is cut off or spoilt anywhere', async () => {
    const draw = random(11);
    await written(3);
    const newest = path('step-1');
    const good = readFileSync(newest);
    for (let round = 0; round < 60; round++) {
      const bad = Buffer.from(good);
      if (round % 2 === 0) writeFileSync(newest, bad.subarray(0, draw.below(bad.length)));
      else {
        const at = draw.below(bad.length);
        bad[at] = (bad[at] ?? 0) ^ (1 << draw.below(8));
        writeFileSync(newest, bad);
      }
      expect((await load(service()))?.step).toBe(2);
    }
    truncateSync(path('step-0'), 10);
    expect(await load(service())).toBeNull();
    expect(await service().list()).toMatchObject({ ok: true, value: [{ step: 0 }] });
  });

  it('takes the newest write, not the highest step: a job may have started over with smaller tiles', async () => {
    const door = await written(3, 128);
    const keeper = keeperOf(door, 1, 3);
    await keeper.afterStep(stateAt(1, 64), backend);
    expect(await door.list()).toMatchObject({ value: [{ step: 1 }] });
    expect(await load(door)).toEqual(stateAt(1, 64));
  });

  it('leaves out an estimate that is missing or spoilt, but not the one that is to be decoded', async () => {
    const door = await written(4);
    truncateSync(path('estimate-2'), 20);
    rmSync(path('estimate-1'));
    const state = await load(door);
    expect([state?.step, state?.history.available()]).toEqual([4, [3, 4]]);
    rmSync(path('estimate-4'));
    expect((await load(door))?.step).toBe(3);
  });

  it('without its settings or photo is no job any more', async () => {
    const door = await written(2);
    truncateSync(path('job'), statSync(path('job')).size - 1);
    expect(await door.photo(id(1))).toEqual({ ok: true, value: null });
    expect(await door.list()).toEqual({ ok: true, value: [] });
    expect(readdirSync(join(root, 'jobs'))).toEqual([]);
  });

  it('keeps the three newest jobs', async () => {
    const door = service();
    for (let n = 1; n <= 5; n++) keeperOf(door, n).begin(settings(n), PHOTO);
    const listed = await door.list();
    if (!listed.ok) throw new Error(listed.detail);
    expect(listed.value.map((job) => job.settings.id)).toEqual([id(5), id(4), id(3)]);
    expect(readdirSync(join(root, 'jobs')).sort()).toEqual([id(3), id(4), id(5)]);
  });

  it('that begins again under its id has no steps any more', async () => {
    const door = await written(3);
    keeperOf(door).begin({ ...settings(), pack: { ...settings().pack, version: '2' } }, PHOTO);
    expect(await door.list()).toMatchObject({ value: [{ step: 0, settings: { pack: { version: '2' } } }] });
    expect(await load(door)).toBeNull();
  });

  it('refuses ids that are no ids', async () => {
    expect(await service().remove('../packs')).toMatchObject({ ok: false });
    expect(await service().photo('..')).toMatchObject({ ok: false });
  });
});

describe('trouble with the disk', () => {
  it('is told once, and the newest step that fitted stays', async () => {
    // Room for two steps.
    await written(2);
    const files = readdirSync(join(root, 'jobs', id(1)));
    const quota = files.reduce((sum, file) => sum + statSync(path(file)).size, 50);
    rmSync(join(root, 'jobs'), { recursive: true });
    const door = service(quota);
    const keeper = keeperOf(door);
    keeper.begin(settings(), PHOTO);
    for (let step = 1; step <= 4; step++) await keeper.afterStep(stateAt(step), backend);
    await door.list();
    expect(troubles).toHaveLength(1);
    expect(troubles[0]).toMatch(/Quota|room/);
    expect(await load(door)).toEqual(stateAt(2));
    await keeper.remove();
    expect(readdirSync(join(root, 'jobs'))).toEqual([]);
  });

  it('with the photo leaves nothing behind', async () => {
    const door = service(1000);
    const keeper = keeperOf(door);
    keeper.begin(settings(), PHOTO);
    await keeper.afterStep(stateAt(1), backend);
    expect(troubles).toHaveLength(1);
    expect(await door.list()).toEqual({ ok: true, value: [] });
  });

  it('without a disk is no trouble', async () => {
    const door = new CheckpointService(async () => null);
    const keeper = keeperOf(door);
    keeper.begin(settings(), PHOTO);
    await keeper.afterStep(stateAt(1), backend);
    await keeper.remove();
    expect(troubles).toEqual([]);
    expect(await door.list()).toEqual({ ok: true, value: [] });
  });

  it('that does not answer holds a step only so long, and nothing piles up', async () => {
    const door = service();
    let asked = 0;
    door.step = () => {
      asked++;
      return new Promise(() => undefined);
    };
    const keeper = new JobKeeper(id(1), 0, door, (detail) => void troubles.push(detail), 20);
    keeper.begin(settings(), PHOTO);
    await door.list();
    for (let step = 1; step <= 4; step++) await keeper.afterStep(stateAt(step), backend);
    expect(asked).toBe(1);
  });

  it('never has more than one write under way', async () => {
    let inFlight = 0;
    let most = 0;
    const door = service();
    const step = door.step;
    door.step = async (...args) => {
      most = Math.max(most, ++inFlight);
      const result = await step(...args);
      await new Promise((resolve) => setTimeout(resolve, 10));
      inFlight--;
      return result;
    };
    const keeper = keeperOf(door);
    keeper.begin(settings(), PHOTO);
    for (let at = 1; at <= STEPS; at++) await keeper.afterStep(stateAt(at), backend);
    await keeper.remove();
    expect(most).toBe(1);
    expect(inFlight).toBe(0);
  });
});

it('a record is whole or nothing', async () => {
  const payload = Uint8Array.of(1, 2, 3);
  const head = await encodeRecord({ kind: 'x' }, payload);
  const whole = new Uint8Array([...head, ...payload]);
  const record = await openRecord(whole, whole.byteLength);
  expect(record).toMatchObject({ body: { kind: 'x' }, start: head.byteLength, bytes: 3 });
  if (!record) throw new Error('no record');
  expect(await isWhole(record, payload)).toBe(true);
  expect(await isWhole(record, Uint8Array.of(1, 2, 4))).toBe(false);
  expect(await openRecord(whole, whole.byteLength - 1)).toBeNull();
  // Another version of the format.
  whole[3] = 2;
  expect(await openRecord(whole, whole.byteLength)).toBeNull();
});
