/** The loop with the real store and the real bridge; a worker has no place in Node, so its answers come from a script. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Layer, SaveRequest } from '../../../workers/protocol.ts';
import { EngineBridge } from '../../bridge/engine.ts';
import { type AppErrorCode, fail } from '../../bridge/outcome.ts';
import type { Session } from '../../bridge/session.ts';
import { useApp } from '../../store/index.ts';
import { waitingItem } from '../../store/queueSlice.ts';
import { dropFile, keepPhoto, keptFile } from './keep.ts';
import { putResult, takeBackResult } from './out.ts';
import { QueueRunner } from './runner.ts';

type Call = 'start' | 'open' | 'propose' | 'restore' | 'save' | 'put';

class Photos implements Session {
  /** What each call was made with, e.g. `save two`. */
  calls: string[] = [];
  layers: (readonly Layer[])[] = [];
  /** Calls of these names wait for `go`. */
  slow: Call | null = null;
  go: () => void = () => {};
  /** Fails the calls of a name. */
  faults: Partial<Record<Call, AppErrorCode>> = {};
  /** Of a lost device, until another worker takes this one's place: no task is proposed. */
  lost = false;
  readonly ended = new Set<AppErrorCode>();
  #open = '';
  #results = 0;
  #versions = new Map<number, string>();

  async step<T>(call: Call, value: () => T | Promise<T>) {
    this.calls.push(`${call} ${this.#open}`);
    const code = this.faults[call];
    if (this.slow === call) {
      this.slow = null;
      await new Promise<void>((resolve) => (this.go = resolve));
    }
    return code ? fail(code) : { ok: true as const, value: await value() };
  }

  readonly #api = {
    start: () => this.step('start', () => ({ engine: {}, pack: { steps: { default: 4 }, auto: true } })),
    open: async (file: Blob) => {
      this.#open = await file.text();
      return this.step('open', () => ({ id: 1 }));
    },
    propose: () => this.step('propose', () => (this.lost ? null : { task: 'noise', strength: 1 })),
    restore: () =>
      this.step('restore', () => {
        this.#versions.set(++this.#results, this.#open);
        return { id: this.#results };
      }),
    save: (request: SaveRequest) =>
      this.step('save', () => {
        this.layers.push(request.layers ?? []);
        return { file: new Blob([this.#versions.get(request.layers?.[0]?.version ?? 0) ?? '']), lost: [] };
      }),
    pause: async () => undefined,
    unpause: async () => undefined,
    cancel: async () => undefined,
    close: async () => undefined,
  };

  call: Session['call'] = (make) => make(this.#api as never) as never;
  post: Session['post'] = (make) => make(this.#api as never);
  kill: Session['kill'] = (code) => {
    this.ended.add(code);
    this.lost = false;
  };
}

let worker: Photos;
let bridge: EngineBridge;
let runner: QueueRunner;

const state = () => useApp.getState();
const statuses = () => Object.fromEntries(state().queue.map(({ name, status }) => [name, status]));
const idOf = (name: string) => state().queue.find((item) => item.name === name)?.id ?? '';
const resultOf = async (name: string) => (await keptFile('out', idOf(name)))?.text();
const reaches = (call: string) => vi.waitFor(() => expect(worker.calls).toContain(call));
const count = (call: string) => worker.calls.filter((one) => one === call).length;

beforeEach(async () => {
  worker = new Photos();
  bridge = new EngineBridge(
    () => ({ pack: { kind: 'url', url: 'p/' }, ortUrl: 'o/', engine: 'auto', bundle: 'auto' }),
    () => {},
    () => worker,
  );
  const queue = ['one', 'two', 'three'].map((name, order) => waitingItem({ name, size: 3 }, order));
  // Node has no private file system either: they are held in memory, as in windows without one.
  for (const { id, name } of queue) await keepPhoto(id, new Blob([name]));
  state().setQueue({ queue, queueState: 'idle', queueTrouble: null, folder: null });
  state().choose({ task: 'noise', strength: 1, format: 'png' });
  state().setSettings({ privacy: 'keep' });
  runner = new QueueRunner({
    engine: bridge,
    store: useApp,
    change: state().changeItem,
    photo: (id) => keptFile('in', id),
    put: async (id, name, file) => {
      const before = await worker.step('put', () => null);
      return before.ok ? putResult(id, name, file) : before;
    },
    takeBack: takeBackResult,
    awake: () => () => {},
  });
});

describe('QueueRunner', () => {
  it('restores every photo in full, whatever strength a single photo was left at', async () => {
    state().choose({ strength: 0.2 });
    await runner.run();
    expect(statuses()).toEqual({ one: 'done', two: 'done', three: 'done' });
    expect(worker.layers.flat().map(({ strength }) => strength)).toEqual([1, 1, 1]);
    expect(await resultOf('two')).toBe('two');
    expect(state().queueState).toBe('idle');
  });

  it.each([
    ['start', 'engine-busy', 0],
    ['start', 'pack-missing', 0],
    ['restore', 'engine-taken', 1],
    ['restore', 'device-lost', 3],
    ['propose', 'device-lost', 0],
    ['put', 'folder-failed', 1],
    ['put', 'results-full', 1],
  ] as const)('pauses when %s fails with %s, and goes on from there', async (call, code, restores) => {
    if (call === 'propose') state().choose({ task: 'auto' });
    worker.faults = { [call]: code };
    await runner.run();
    expect(statuses()).toEqual({ one: 'waiting', two: 'waiting', three: 'waiting' });
    expect(worker.calls.filter((one) => one.startsWith('restore'))).toHaveLength(restores);
    expect(state()).toMatchObject({ queueState: 'paused', queueTrouble: { code } });
    worker.faults = {};
    await runner.run();
    expect(statuses()).toEqual({ one: 'done', two: 'done', three: 'done' });
    expect(state()).toMatchObject({ queueState: 'idle', queueTrouble: null });
  });

  it('gets a new worker for a device that was lost between two photos, as no job does that for a proposal', async () => {
    state().choose({ task: 'auto' });
    worker.lost = true;
    await runner.run();
    expect(statuses()).toEqual({ one: 'done', two: 'done', three: 'done' });
    expect(count('open one')).toBe(2);
  });

  it.each(['results-full', 'folder-failed'] as const)(
    'does not restore a photo again whose result could not be put (%s), wherever it stands by then',
    async (code) => {
      worker.faults = { put: code };
      await runner.run();
      await runner.run();
      state().setQueue({ queue: [...state().queue].reverse() });
      await runner.run();
      expect(statuses()).toEqual({ one: 'waiting', two: 'waiting', three: 'waiting' });
      worker.faults = {};
      await runner.run();
      expect(statuses()).toEqual({ one: 'done', two: 'done', three: 'done' });
      for (const name of ['one', 'two', 'three']) {
        expect(count(`restore ${name}`)).toBe(1);
        expect(await resultOf(name)).toBe(name);
      }
    },
  );

  it.each([
    ['another format is wanted', () => state().choose({ format: 'jpeg' })],
    ['another task is wanted', () => state().choose({ task: 'blur' })],
    ['other metadata is wanted', () => state().setSettings({ privacy: 'nothing' })],
    [
      'it was skipped meanwhile',
      () => {
        runner.skip(idOf('one'));
        state().changeItem(idOf('one'), { status: 'waiting' });
      },
    ],
  ])('restores such a photo again where %s', async (_, change) => {
    worker.faults = { put: 'results-full' };
    await runner.run();
    change();
    worker.faults = {};
    await runner.run();
    expect(statuses()).toEqual({ one: 'done', two: 'done', three: 'done' });
    expect(count('restore one')).toBe(2);
  });

  it('does not call a photo damaged whose file is not here any more, and takes the next one', async () => {
    await dropFile('in', idOf('one'));
    await runner.run();
    expect(statuses()).toEqual({ one: 'gone', two: 'done', three: 'done' });
  });

  it('goes on after a fault of one photo', async () => {
    worker.faults = { restore: 'out-of-memory' };
    await runner.run();
    expect(statuses()).toEqual({ one: 'failed', two: 'failed', three: 'failed' });
  });

  it.each(['open', 'start', 'propose', 'restore', 'save', 'put'] as const)(
    'keeps nothing of a photo that is skipped or removed during %s, and takes the next one',
    async (call) => {
      state().choose({ task: 'auto' });
      for (const act of ['skip', 'remove'] as const) {
        const name = act === 'skip' ? 'one' : 'two';
        const id = idOf(name);
        for (const other of state().queue) if (other.id !== id) state().changeItem(other.id, { status: 'skipped' });
        worker.calls = [];
        worker.slow = call;
        // Starting happens once; a new bridge would be another test.
        if (call === 'start') bridge.stop();
        state().changeItem(id, { status: 'waiting' });
        const running = runner.run();
        await reaches(`${call} ${name}`);
        runner[act](id);
        worker.go();
        await running;
        expect(statuses()[name]).toBe(act === 'skip' ? 'skipped' : undefined);
        expect(await keptFile('out', id)).toBeNull();
        const order = ['open', 'start', 'propose', 'restore', 'save', 'put'];
        for (const later of order.slice(order.indexOf(call) + 1)) expect(count(`${later} ${name}`)).toBe(0);
      }
      state().changeItem(idOf('three'), { status: 'waiting' });
      await runner.run();
      expect(await resultOf('three')).toBe('three');
    },
  );

  it('has one loop only: what goes on after a pause and a skip waits for the photo under way', async () => {
    worker.slow = 'save';
    const running = runner.run();
    await reaches('save one');
    runner.pause();
    runner.skip(idOf('one'));
    await runner.run();
    // A second loop would have opened the next photo by now, and the first one would save its pixels.
    expect(count('open two')).toBe(0);
    worker.go();
    await running;
    expect(statuses()).toEqual({ one: 'skipped', two: 'done', three: 'done' });
    expect([await resultOf('two'), await resultOf('three')]).toEqual(['two', 'three']);
    expect([count('open two'), count('open three')]).toEqual([1, 1]);
  });

  it('ends the loop when the photo that is held is skipped, and a new one takes the rest', async () => {
    worker.slow = 'open';
    const running = runner.run();
    await reaches('open one');
    runner.pause();
    worker.go();
    await reaches('start one');
    runner.skip(idOf('one'));
    await running;
    expect(statuses()).toEqual({ one: 'skipped', two: 'waiting', three: 'waiting' });
    await runner.run();
    expect(statuses()).toEqual({ one: 'skipped', two: 'done', three: 'done' });
  });

  it('saves nothing under the name of a photo in whose place another one was opened', async () => {
    worker.slow = 'restore';
    const running = runner.run();
    await reaches('restore one');
    runner.pause();
    // As openPhoto does; its pixels would be what is restored and saved.
    state().setOpening(true);
    void bridge.open(new Blob(['another']));
    await reaches('open another');
    state().setOpening(false);
    worker.go();
    await running;
    expect(statuses().one).toBe('waiting');
    await runner.run();
    expect(await resultOf('one')).toBe('one');
  });
});
