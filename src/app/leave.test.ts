import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { EngineState } from '../bridge/engine.ts';
import { useApp } from '../store/index.ts';
import { FULL } from '../store/resultsSlice.ts';
import { sampleResult } from '../store/sample.ts';
import { leavePhoto } from './leave.ts';

const app = useApp.getState;
const close = vi.fn();

function restored(id: number): void {
  const result = sampleResult({ id });
  const entry = { id, task: 'noise', steps: 4, seed: 0, tried: {}, approximate: false, base: [], result } as const;
  app().addResult(entry, null, FULL);
}

beforeEach(() => {
  useApp.setState(useApp.getInitialState(), true);
  close.mockReset();
});

describe('what closes the photo', () => {
  it('is done at once where no result goes with it, and where that was saved', () => {
    leavePhoto(close);
    expect(close).toHaveBeenCalledTimes(1);
    restored(2);
    app().addSaved({ results: app().results, current: 2, look: FULL });
    leavePhoto(close);
    expect(close).toHaveBeenCalledTimes(2);
    expect(app().leave).toBeNull();
  });

  it('is asked about where a result was not saved, which stays until that is answered', () => {
    restored(2);
    const before = app();
    leavePhoto(close);
    expect(close).not.toHaveBeenCalled();
    expect(app()).toEqual({ ...before, leave: close });
    app().leave?.();
    expect(close).toHaveBeenCalledOnce();
  });

  it('is asked about anew for what came in last', () => {
    const later = vi.fn();
    restored(2);
    leavePhoto(close);
    leavePhoto(later);
    app().leave?.();
    expect(close).not.toHaveBeenCalled();
    expect(later).toHaveBeenCalledOnce();
  });

  it('is not asked about any more once the results are gone', () => {
    restored(2);
    useApp.setState({ engine: { state: 'ready' } as EngineState });
    leavePhoto(close);
    app().setEngine({ state: 'idle' });
    expect(app()).toMatchObject({ results: [], leave: null, resultsLost: true });
    expect(close).not.toHaveBeenCalled();
  });
});
