import { beforeEach, describe, expect, it } from 'vitest';
import { useApp } from './index.ts';
import { layersOf, lookOf, type PhotoResult } from './resultsSlice.ts';
import { sampleResult } from './sample.ts';

class Picture {
  closed = false;
  width = 4;
  height = 3;
  close() {
    this.closed = true;
  }
}

const picture = () => new Picture() as unknown as ImageBitmap & Picture;
/** A job as far as its first step. */
function begin(): Picture {
  const image = picture();
  useApp.getState().beginJob('restore');
  useApp.getState().addFrame({ step: 1, image });
  return image;
}

const resultOf = (id: number) => sampleResult({ id, steps: 2, keepable: [1, 2] });

function add(id: number, base: PhotoResult['base'] = []): ImageBitmap & Picture {
  const restored = picture();
  const result = resultOf(id);
  const state = useApp.getState();
  state.addResult(
    { id, task: 'noise', steps: 2, seed: 0, tried: {}, approximate: false, base, result },
    { id, restored, below: null },
    { strength: 1, mask: null },
  );
  state.endJob('done', result);
  return restored;
}

beforeEach(() => {
  useApp.getState().resetJob();
  useApp.getState().resetResults();
});

describe('results', () => {
  it('stack up: each on what was shown when it was made', () => {
    add(1);
    useApp.getState().setLook({ strength: 0.5 });
    add(2, layersOf(useApp.getState(), 1));
    const expected = [
      { version: 1, strength: 0.5, mask: null },
      { version: 2, strength: 1, mask: null },
    ];
    expect(layersOf(useApp.getState(), 2)).toEqual(expected);
    // What a later look at the first one changes is not what the second was made of.
    useApp.getState().selectResult(1);
    useApp.getState().setLook({ strength: 0 });
    expect(layersOf(useApp.getState(), 2)).toEqual(expected);
    expect(layersOf(useApp.getState(), null)).toEqual([]);
  });

  it('undo and redo go through looks and choices, and a new act ends what could be redone', () => {
    add(1);
    add(2);
    const { setLook, selectResult, undo, redo } = useApp.getState();
    setLook({ strength: 0.3 });
    selectResult(1);
    undo();
    expect([useApp.getState().current, lookOf(useApp.getState()).strength]).toEqual([2, 0.3]);
    undo();
    expect(lookOf(useApp.getState()).strength).toBe(1);
    redo();
    expect(lookOf(useApp.getState()).strength).toBe(0.3);
    setLook({ strength: 0.9 });
    expect(useApp.getState().future).toEqual([]);
    // The result itself follows, for everything that is offered only with one.
    selectResult(null);
    expect(useApp.getState().result).toBeNull();
    undo();
    expect(useApp.getState().result?.id).toBe(2);
  });

  it('make one entry of a move of the slider, however many stops it has, and none of one that came back', () => {
    add(1);
    const { setLook, endMove, undo } = useApp.getState();
    const entries = () => useApp.getState().past.length;
    const before = entries();
    for (const strength of [0.9, 0.7, 0.4]) setLook({ strength }, true);
    expect(entries()).toBe(before);
    endMove();
    setLook({ strength: 0.2 }, true);
    setLook({ strength: 0.4 }, true);
    endMove();
    expect(entries()).toBe(before + 1);
    undo();
    expect(lookOf(useApp.getState()).strength).toBe(1);
  });

  it('give the strength of the next result back with the move of the slider that chose it', () => {
    add(1);
    const { setLook, choose, endMove, undo, redo } = useApp.getState();
    setLook({ strength: 0.2 }, true);
    choose({ strength: 0.2 });
    endMove();
    undo();
    expect(useApp.getState().strength).toBe(1);
    redo();
    expect(useApp.getState().strength).toBe(0.2);
    undo();
  });

  it('let go of pictures that are no longer shown', () => {
    const first = add(1);
    const second = add(2);
    expect([first.closed, second.closed]).toEqual([true, false]);
    useApp.getState().resetResults();
    expect(second.closed).toBe(true);
  });

  it('a removed one is not gone back to', () => {
    add(1);
    add(2);
    useApp.getState().removeResult(2);
    expect(useApp.getState().current).toBe(1);
    useApp.getState().undo();
    expect(useApp.getState().current).toBe(1);
  });

  it('stands again after a job that came to nothing', () => {
    add(1);
    useApp.getState().beginJob('restore');
    expect(useApp.getState().result).toBeNull();
    useApp.getState().endJob('cancelled');
    expect(useApp.getState().result?.id).toBe(1);
  });
});

describe('the film strip', () => {
  const frames = () => useApp.getState().frames;

  it('shows no steps of a job that came to nothing under an earlier result', () => {
    add(1);
    for (const status of ['cancelled', 'failed'] as const) {
      const image = begin();
      useApp.getState().showStep(1);
      useApp.getState().endJob(status);
      expect([frames(), image.closed, useApp.getState().shownStep]).toEqual([[], true, null]);
    }
    // Nor when that result is only gone back to later.
    useApp.getState().selectResult(null);
    begin();
    useApp.getState().endJob('cancelled');
    expect(frames()).toEqual([]);
  });

  it('keeps the steps of the newest result when another one of them is not kept in the end', () => {
    const image = begin();
    add(1);
    useApp.getState().beginJob('keep');
    useApp.getState().endJob('failed');
    expect([frames().length, image.closed]).toEqual([1, false]);
  });

  it('shows how far a first job came that was cancelled', () => {
    begin();
    useApp.getState().endJob('cancelled');
    expect(frames()).toHaveLength(1);
  });

  it('goes with the newest result, and with that one only', () => {
    add(1);
    const image = begin();
    add(2);
    useApp.getState().removeResult(1);
    expect(frames()).toHaveLength(1);
    begin();
    add(3);
    useApp.getState().selectResult(2);
    useApp.getState().removeResult(3);
    expect([frames(), image.closed, useApp.getState().current]).toEqual([[], true, 2]);
  });

  it('knows which step the newest result is of after another look at the photo', () => {
    begin();
    add(1);
    useApp.getState().endJob('done', resultOf(1), 1);
    useApp.getState().selectResult(null);
    useApp.getState().selectResult(1);
    expect(useApp.getState().keptStep).toBe(1);
  });
});
