import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Outcome, PhotoInfo, RestoreEvent, RestoreResult, StartEvent } from '../../workers/protocol.ts';
import { EngineBridge, type EngineState } from './engine.ts';
import type { AppErrorCode } from './outcome.ts';
import type { Session } from './session.ts';

/**
 * A worker has no place in Node, so sessions here answer from a script. What is tested is the bridge's own part:
 * who is told what and when, and when a worker is replaced.
 */
class ScriptedSession implements Session {
  static made: ScriptedSession[] = [];
  static unfinished: string[] = [];
  static restores: ((session: ScriptedSession) => Promise<Outcome<RestoreResult>>)[] = [];
  cancelled = false;
  opened = 0;
  killed: AppErrorCode | null = null;
  readonly crash: (detail: string) => void;
  readonly end: () => void;
  /** What `restore` was asked for, and which jobs were discarded. */
  readonly asked: { job: string; resume?: { replay: boolean } }[] = [];
  readonly discarded: string[] = [];
  pauses: string[] = [];
  onEvent: ((event: RestoreEvent) => void) | null = null;
  onStartEvent: ((event: StartEvent) => void) | null = null;
  #die: (value: { ok: false; code: AppErrorCode; detail: string; values: Record<string, never> }) => void = () => {};
  readonly #dead = new Promise<{ ok: false; code: AppErrorCode; detail: string; values: Record<string, never> }>(
    (resolve) => {
      this.#die = resolve;
    },
  );

  constructor(crash: (detail: string) => void, end: () => void) {
    this.crash = crash;
    this.end = end;
    ScriptedSession.made.push(this);
  }

  readonly #api = {
    start: async (_options: unknown, onEvent: (event: StartEvent) => void) => {
      this.onStartEvent = onEvent;
      return { ok: true, value: { engine: {}, pack: {} } };
    },
    open: async () => {
      this.opened++;
      return { ok: true, value: { id: ScriptedSession.made.length } as PhotoInfo };
    },
    restore: (request: { job: string }, onEvent: (event: RestoreEvent) => void) => {
      this.onEvent = onEvent;
      this.asked.push(request);
      return (ScriptedSession.restores.shift() ?? never)(this);
    },
    keepStep: async (step: number) => ({ ok: false, code: 'step-not-kept', detail: '', values: { step } }),
    cancel: async () => {
      this.cancelled = true;
    },
    close: async () => undefined,
    propose: async () => ({ ok: true, value: { top: 'noise', opened: this.opened } }),
    pause: async () => {
      this.pauses.push('pause');
    },
    unpause: async () => {
      this.pauses.push('unpause');
    },
    unfinished: async () => ({ ok: true, value: ScriptedSession.unfinished.map((id) => ({ id })) }),
    discard: async (id: string) => {
      this.discarded.push(id);
      return { ok: true, value: undefined };
    },
  };

  call: Session['call'] = (make) => Promise.race([make(this.#api as never), this.#dead]) as never;
  post: Session['post'] = (make) => make(this.#api as never);
  kill(code: AppErrorCode): void {
    this.killed = code;
    this.#die({ ok: false, code, detail: '', values: {} });
  }
}

const never = () => new Promise<never>(() => {});
const done = async (): Promise<Outcome<RestoreResult>> => ({ ok: true, value: { id: 1 } as RestoreResult });
const failing =
  (code: 'device-lost' | 'bad-numbers', values = {}) =>
  async () =>
    ({ ok: false, code, detail: '', values }) as const;

const request = { task: 'noise', steps: 4, seed: 0 } as const;
const progress: RestoreEvent = { type: 'step', step: 1, steps: 4 };

let states: EngineState['state'][];
let bridge: EngineBridge;

beforeEach(async () => {
  vi.useFakeTimers();
  ScriptedSession.made = [];
  ScriptedSession.restores = [];
  ScriptedSession.unfinished = [];
  states = [];
  bridge = new EngineBridge(
    () => ({ pack: { kind: 'url', url: 'p/' }, ortUrl: 'o/', engine: 'auto', bundle: 'auto' }),
    (state) => states.push(state.state),
    (crash, end) => new ScriptedSession(crash, end),
  );
  await bridge.open(new Blob(['photo']));
});
afterEach(() => vi.useRealTimers());

const flush = () => vi.advanceTimersByTimeAsync(0);

describe('EngineBridge', () => {
  it('starts once for callers at the same time', async () => {
    await Promise.all([bridge.start(), bridge.start()]);
    expect(states).toEqual(['starting', 'ready']);
    expect(ScriptedSession.made).toHaveLength(1);
  });

  it('stays ready when an event of the start comes after its answer', async () => {
    await bridge.start();
    ScriptedSession.made[0]?.onStartEvent?.({ stage: 'pack', done: 1, total: 1 });
    expect(states).toEqual(['starting', 'ready']);
  });

  it('asks for a task once the engine has started and the photo is open, without a job', async () => {
    expect(await bridge.propose()).toEqual({ ok: true, value: { top: 'noise', opened: 1 } });
    expect(states).toEqual(['starting', 'ready']);
    bridge.close();
    expect(await bridge.propose()).toMatchObject({ ok: false, code: 'no-image-given' });
  });

  it('leaves a worker alone that has not kept a step: its results are whole', async () => {
    ScriptedSession.restores = [done];
    await bridge.restore(request, () => {});
    expect(await bridge.keepStep(3, () => {})).toMatchObject({ ok: false, code: 'step-not-kept' });
    await flush();
    expect(ScriptedSession.made.map(({ killed }) => killed)).toEqual([null]);
    expect(states).toEqual(['starting', 'ready']);
  });

  it('answers a cancelled job at once and drops what the worker still says', async () => {
    const seen: RestoreEvent[] = [];
    const job = bridge.restore(request, (event) => seen.push(event));
    await flush();
    ScriptedSession.made[0]?.onEvent?.(progress);
    bridge.cancel();
    expect(await job).toMatchObject({ ok: false, code: 'cancelled' });
    ScriptedSession.made[0]?.onEvent?.(progress);
    expect(seen).toHaveLength(1);
    expect(ScriptedSession.made[0]?.cancelled).toBe(true);
  });

  it('keeps a worker that follows the cancel in time', async () => {
    let stop: (outcome: Outcome<RestoreResult>) => void = () => {};
    ScriptedSession.restores = [() => new Promise((resolve) => (stop = resolve)), done];
    const job = bridge.restore(request, () => {});
    await flush();
    bridge.cancel();
    await job;
    const next = bridge.restore(request, () => {});
    await vi.advanceTimersByTimeAsync(900);
    stop({ ok: false, code: 'cancelled', detail: '', values: {} });
    expect(await next).toMatchObject({ ok: true });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(ScriptedSession.made).toHaveLength(1);
  });

  it('replaces a worker that does not, and opens the photo again for the next job', async () => {
    ScriptedSession.restores = [never, done];
    const job = bridge.restore(request, () => {});
    await flush();
    bridge.cancel();
    await job;
    const next = bridge.restore(request, () => {});
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await next).toMatchObject({ ok: true });
    expect(ScriptedSession.made.map(({ killed, opened }) => [killed, opened])).toEqual([
      ['cancelled', 1],
      [null, 1],
    ]);
  });

  it('replaces a silent worker, but not one that gives signs of life', async () => {
    const job = bridge.restore(request, () => {});
    await flush();
    await vi.advanceTimersByTimeAsync(100_000);
    ScriptedSession.made[0]?.onEvent?.(progress);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(ScriptedSession.made[0]?.killed).toBeNull();
    await vi.advanceTimersByTimeAsync(21_000);
    expect(await job).toMatchObject({ ok: false, code: 'engine-hung' });
    await flush();
    expect(states.at(-1)).toBe('ready');
  });

  it('goes on after a lost device: in the same worker, or in a new one where that can get no new device', async () => {
    ScriptedSession.restores = [failing('device-lost'), failing('device-lost', { replaceWorker: 1 }), done];
    const seen: RestoreEvent[] = [];
    expect(await bridge.restore(request, (event) => seen.push(event))).toMatchObject({ ok: true });
    const asked = ScriptedSession.made.map((session) => session.asked);
    expect(asked.map((list) => list.length)).toEqual([2, 1]);
    expect(new Set(asked.flat().map(({ job }) => job)).size).toBe(1);
    expect(asked.flat().map(({ resume }) => resume?.replay)).toEqual([undefined, false, false]);
    const lost = { type: 'notice', code: 'device-lost', values: {} };
    expect(seen).toEqual([lost, lost]);
    expect(ScriptedSession.made[1]?.opened).toBe(1);
  });

  it('gives up after three losses in a row, and counts anew after a step', async () => {
    const lose = failing('device-lost');
    ScriptedSession.restores = [lose, lose, lose, done];
    expect(await bridge.restore(request, () => {})).toMatchObject({ ok: false, code: 'device-lost' });
    const after = async (session: ScriptedSession) => {
      session.onEvent?.(progress);
      return lose();
    };
    ScriptedSession.restores = [lose, lose, after, lose, done];
    expect(await bridge.restore(request, () => {})).toMatchObject({ ok: true });
    expect(ScriptedSession.made).toHaveLength(1);
  });

  it('takes an unfinished job up again under its id', async () => {
    ScriptedSession.restores = [done];
    await bridge.restore(request, () => {}, { id: 'a', step: 2 });
    expect(ScriptedSession.made[0]?.asked).toEqual([
      { ...request, photo: 1, job: 'a', resume: { replay: true, step: 2 } },
    ]);
  });

  it('never offers a job that the person cancelled, though its worker could not clean up', async () => {
    const job = bridge.restore(request, () => {});
    await flush();
    const id = ScriptedSession.made[0]?.asked[0]?.job ?? '';
    bridge.cancel();
    await job;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(ScriptedSession.made[0]?.killed).toBe('cancelled');
    await flush();
    expect(ScriptedSession.made[1]?.discarded).toEqual([id]);
    // Its file may still have been in use.
    ScriptedSession.unfinished = [id, 'other'];
    expect((await bridge.unfinished()).map((one) => one.id)).toEqual(['other']);
    expect(ScriptedSession.made[1]?.discarded).toEqual([id, id]);
  });

  it('is patient with a paused job, and pauses it again in a new worker', async () => {
    let lose: (outcome: Outcome<RestoreResult>) => void = () => {};
    ScriptedSession.restores = [() => new Promise((resolve) => (lose = resolve))];
    const job = bridge.restore(request, () => {});
    await flush();
    bridge.pause(true);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(ScriptedSession.made[0]?.killed).toBeNull();
    lose({ ok: false, code: 'device-lost', detail: '', values: { replaceWorker: 1 } });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(ScriptedSession.made.map(({ pauses }) => pauses)).toEqual([['pause'], ['pause']]);
    bridge.pause(false);
    await vi.advanceTimersByTimeAsync(121_000);
    expect(await job).toMatchObject({ ok: false, code: 'engine-hung' });
  });

  it('sees the end of a worker, and starts another one where a job was under way', async () => {
    const job = bridge.restore(request, () => {});
    await flush();
    ScriptedSession.made[0]?.end();
    expect(await job).toMatchObject({ ok: false, code: 'engine-hung' });
    await flush();
    expect(states.at(-1)).toBe('ready');
    ScriptedSession.made[1]?.end();
    await flush();
    expect(states.at(-1)).toBe('error');
  });

  it('says so when the worker crashes, and does not make new ones for ever', async () => {
    const job = bridge.restore(request, () => {});
    await flush();
    ScriptedSession.made[0]?.crash('boom');
    expect(await job).toMatchObject({ ok: false, code: 'internal' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ScriptedSession.made).toHaveLength(1);
    expect(states.at(-1)).toBe('error');
  });
});
