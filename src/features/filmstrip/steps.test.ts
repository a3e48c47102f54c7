import { beforeEach, describe, expect, it } from 'vitest';
import type { RestoreResult } from '../../../workers/protocol.ts';
import { action } from '../../app/actions.ts';
import { useApp } from '../../store/index.ts';
import { isOnlyShown } from './steps.ts';

/** Of eight steps of 24 megapixels these are kept. */
const keepable = [2, 3, 5, 6, 8];
const result = { id: 1, steps: 8, keepable } as unknown as RestoreResult;

beforeEach(() => useApp.setState(useApp.getInitialState(), true));

describe('keeping a step', () => {
  it('is offered for steps that the engine holds, though all are shown', () => {
    const image = { width: 1, height: 1, close: () => undefined } as ImageBitmap;
    const { beginJob, addFrame, addResult, endJob, showStep } = useApp.getState();
    beginJob('restore');
    for (let step = 1; step <= 8; step++) addFrame({ step, image });
    const entry = { id: 1, task: 'noise', steps: 8, seed: 0, tried: {}, approximate: false, base: [], result } as const;
    addResult(entry, { id: 1, restored: image, below: null }, { strength: 1, mask: null });
    endJob('done', result);
    const { enabled } = action('keepStep');
    const offered = [1, 2, 3, 4, 5, 6, 7, 8].filter((step) => {
      showStep(step);
      return enabled(useApp.getState());
    });
    expect(offered).toEqual(keepable);
  });

  it('is not spoken of before there is a result', () => {
    expect(isOnlyShown({ result: null }, 1)).toBe(false);
    expect([isOnlyShown({ result }, 4), isOnlyShown({ result }, 5)]).toEqual([true, false]);
  });
});
