import i18next from 'i18next';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RestoreResult } from '../../../workers/protocol.ts';
import { action, perform } from '../../app/actions.ts';
import { toasts } from '../../app/toast.ts';
import en from '../../i18n/en.json';
import { useApp } from '../../store/index.ts';
import { isOnlyShown } from './steps.ts';

/** Of eight steps of 24 megapixels these are kept. */
const keepable = [2, 3, 5, 6, 8];
const result = { id: 1, steps: 8, keepable } as unknown as RestoreResult;

beforeAll(() => i18next.init({ lng: 'en', resources: { en: { translation: en } } }));
beforeEach(() => useApp.setState(useApp.getInitialState(), true));
afterEach(() => vi.restoreAllMocks());

/** A job of eight steps has ended. */
function done(): void {
  const image = { width: 1, height: 1, close: () => undefined } as ImageBitmap;
  const { beginJob, addFrame, addResult, endJob } = useApp.getState();
  beginJob('restore');
  for (let step = 1; step <= 8; step++) addFrame({ step, image });
  const entry = { id: 1, task: 'noise', steps: 8, seed: 0, tried: {}, approximate: false, base: [], result } as const;
  addResult(entry, { id: 1, restored: image, below: null }, { strength: 1, mask: null });
  endJob('done', result);
}

describe('keeping a step', () => {
  it('is offered for steps that the engine holds, though all are shown', () => {
    done();
    const { showStep } = useApp.getState();
    const { enabled } = action('keepStep');
    const offered = [1, 2, 3, 4, 5, 6, 7, 8].filter((step) => {
      showStep(step);
      return enabled(useApp.getState());
    });
    expect(offered).toEqual(keepable);
  });

  it('says why where it is refused, when it is pressed', () => {
    done();
    const added = vi.spyOn(toasts, 'add');
    const run = vi.fn();
    const press = (step: number) => {
      useApp.getState().showStep(step);
      return perform({ ...action('keepStep'), run });
    };
    expect(press(4)).toBe(false);
    expect(added).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ title: en.film.notKept }));
    expect(run).not.toHaveBeenCalled();
    expect(press(5)).toBe(true);
    expect(added).toHaveBeenCalledOnce();
    expect(run).toHaveBeenCalledOnce();
  });

  it('has no reason to be refused while no step is looked at', () => {
    const { refusal } = action('keepStep');
    expect(refusal?.(useApp.getState())).toBeNull();
    done();
    expect(refusal?.(useApp.getState())).toBeNull();
  });

  it('is not spoken of before there is a result', () => {
    expect(isOnlyShown({ result: null }, 1)).toBe(false);
    expect([isOnlyShown({ result }, 4), isOnlyShown({ result }, 5)]).toEqual([true, false]);
  });
});
