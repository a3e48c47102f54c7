import { beforeEach, describe, expect, it, vi } from 'vitest';
import { useApp } from '../store/index.ts';
import { sampleResult } from '../store/sample.ts';
import { engine } from './engine.ts';
import { restartWith } from './restart.ts';

const app = useApp.getState;
const change = vi.fn();

function withResult(): void {
  const image = { width: 1, height: 1, close: () => undefined };
  const result = sampleResult();
  const entry = { id: 2, task: 'noise', steps: 4, seed: 0, tried: {}, approximate: false, base: [], result } as const;
  app().beginJob('restore');
  app().addFrame({ step: 4, image });
  app().addResult(entry, { id: 2, restored: image, below: null }, { strength: 1, mask: null });
  app().endJob('done', result);
}

beforeEach(() => {
  useApp.setState(useApp.getInitialState(), true);
  vi.restoreAllMocks();
  change.mockReset();
  vi.spyOn(engine, 'restart').mockReturnValue();
});

describe('a change that the engine starts anew for', () => {
  it('is made at once where no result goes for it', () => {
    restartWith(change);
    expect(change).toHaveBeenCalledOnce();
    expect(engine.restart).toHaveBeenCalledOnce();
    expect(app().restart).toBeNull();
  });

  it('is asked about where the photo has results, which stay until that is answered', () => {
    withResult();
    restartWith(change);
    expect(change).not.toHaveBeenCalled();
    expect(engine.restart).not.toHaveBeenCalled();
    expect(app()).toMatchObject({ current: 2, result: { id: 2 } });
    app().restart?.();
    expect(change).toHaveBeenCalledOnce();
    expect(engine.restart).toHaveBeenCalledOnce();
    // Whoever agreed to it is not told of it as of a loss. The film strip was that result's.
    expect(app()).toMatchObject({ results: [], result: null, frames: [], resultsLost: false });
  });
});
