import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { RestoreResult } from '../../../workers/protocol.ts';
import { engine } from '../../app/engine.ts';
import { fail } from '../../bridge/outcome.ts';
import { useApp } from '../../store/index.ts';
import type { Photo } from '../../store/photoSlice.ts';
import { NoCanvas } from '../results/canvas.sample.ts';
import { runAgain, runRestore } from './run.ts';
import { attach } from './surface.ts';

const image = { width: 8, height: 6, close: () => undefined } as ImageBitmap;
const result = (keepable: number[]) => ({ id: 3, width: 8, height: 6, steps: 4, keepable }) as unknown as RestoreResult;

beforeEach(() => {
  useApp.setState(useApp.getInitialState(), true);
  useApp.setState({ photo: { name: 'a.png', info: { width: 8, height: 6 }, view: image } as Photo, steps: 4 });
  vi.stubGlobal('navigator', {});
  vi.stubGlobal('screen', { width: 100, height: 100 });
  vi.stubGlobal('devicePixelRatio', 1);
  // The worker has no place in Node. What counts here is what it is asked for.
  vi.spyOn(engine, 'restore').mockImplementation(async () => ({ ok: true, value: result([2, 4]) }));
  vi.spyOn(engine, 'keepStep').mockImplementation(async () => ({ ok: true, value: result([2, 4]) }));
  vi.spyOn(engine, 'view').mockImplementation(async () => ({ ok: true, value: image }));
  vi.spyOn(engine, 'unfinished').mockResolvedValue([]);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

it('a job done again ends with the step that was kept then', async () => {
  await runAgain({ task: 'noise' }, 2);
  expect(engine.keepStep).toHaveBeenCalledWith(2, expect.anything());
  expect(useApp.getState()).toMatchObject({ job: 'done', keptStep: 2, failure: null });
});

it('a job done again leaves its own result where the engine has not kept that step, and says so', async () => {
  await runAgain({ task: 'noise' }, 3);
  expect(engine.keepStep).not.toHaveBeenCalled();
  expect(useApp.getState()).toMatchObject({ job: 'done', keptStep: 4, failure: { code: 'step-not-kept' } });
});

it('a job ends with its result where the browser gives no canvas for the film strip', async () => {
  vi.stubGlobal('OffscreenCanvas', NoCanvas);
  attach({ width: 8, height: 6, getContext: () => null } as unknown as HTMLCanvasElement);
  await runRestore(undefined, { task: 'noise' });
  attach(null);
  expect(useApp.getState()).toMatchObject({ job: 'done', keptStep: 4, failure: null, frames: [] });
});

it('a result that no canvas can show can be saved, and is not called a failed restoration', async () => {
  vi.spyOn(engine, 'view').mockResolvedValue(fail('no-canvas'));
  await runRestore(undefined, { task: 'noise' });
  const { job, result: made, current, shown, failure } = useApp.getState();
  expect({ job, id: made?.id, current, shown }).toEqual({ job: 'done', id: 3, current: 3, shown: null });
  expect(failure).toMatchObject({ code: 'no-canvas' });
});

it.each([
  ['no-canvas', 'done'],
  ['internal', 'failed'],
] as const)('a job on a result whose picture can not be had (%s) does not run for ever', async (code, ending) => {
  await runRestore(undefined, { task: 'noise' });
  useApp.getState().setResults({ startFrom: 'result' });
  const close = vi.fn();
  vi.spyOn(engine, 'view')
    .mockResolvedValueOnce({ ok: true, value: { ...image, close } })
    .mockResolvedValueOnce(fail(code));
  await runRestore(undefined, { task: 'blur' });
  expect(useApp.getState()).toMatchObject({ job: ending, failure: { code } });
  expect(close).toHaveBeenCalledOnce();
});
