import { beforeEach, describe, expect, it } from 'vitest';
import type { EngineInfo, PackInfo } from '../../workers/protocol.ts';
import { useApp } from './index.ts';
import { sampleInfo, sampleResult } from './sample.ts';

/** Stands for pixels: the store only ever closes them. */
class Bitmap {
  closed = false;
  width = 1;
  height = 1;
  close() {
    this.closed = true;
  }
}

const info = sampleInfo;
const result = sampleResult();
const at = (fraction: number, step: number) =>
  ({ stage: 'denoise', step, steps: 4, tile: 1, tiles: 1, fraction, secondsLeft: null }) as const;

const initial = useApp.getInitialState();
const app = () => useApp.getState();

beforeEach(() => useApp.setState(initial, true));

describe('jobs', () => {
  it('take progress only while they run, and never backwards', () => {
    app().setProgress(at(0.9, 4));
    expect(app().progress).toBeNull();
    app().beginJob('restore');
    app().setProgress(at(0.5, 2));
    app().setProgress(at(0.3, 1));
    expect(app().progress?.fraction).toBe(0.5);
    app().endJob('cancelled');
    app().setProgress(at(0.9, 4));
    expect(app().progress).toBeNull();
  });

  it('keep frames in order, one a step, and close those they drop', () => {
    app().beginJob('restore');
    const frames = [2, 1, 2].map((step) => ({ step, image: new Bitmap() }));
    for (const frame of frames) app().addFrame(frame);
    expect(app().frames.map(({ step }) => step)).toEqual([1, 2]);
    expect(frames.map(({ image }) => image.closed)).toEqual([true, false, false]);
    app().beginJob('restore');
    expect(app().frames).toEqual([]);
    expect(frames.every(({ image }) => image.closed)).toBe(true);
  });

  it('end with the last step as the result, and keep another one on demand', () => {
    app().beginJob('restore');
    app().addFrame({ step: 1, image: new Bitmap() });
    app().endJob('done', result);
    expect(app()).toMatchObject({ job: 'done', keptStep: 4, shownStep: null });
    app().showStep(1);
    app().beginJob('keep');
    expect(app().frames).toHaveLength(1);
    app().endJob('done', result, 1);
    expect(app()).toMatchObject({ keptStep: 1, shownStep: null });
  });

  it('keep the earlier result when keeping a step is cancelled', () => {
    app().beginJob('restore');
    app().endJob('done', result);
    app().beginJob('keep');
    app().endJob('cancelled');
    expect(app().result).toBe(result);
  });
});

describe('photos', () => {
  it('replace each other with all that belonged to the earlier one', () => {
    const first = new Bitmap();
    app().setPhoto({ name: 'a.png', info, view: first });
    app().beginJob('restore');
    app().endJob('done', result);
    app().setUi({ split: 0.9, view: { scale: 2, x: 0, y: 0 } });
    app().setPhoto({ name: 'b.png', info, view: new Bitmap() });
    expect(first.closed).toBe(true);
    expect(app()).toMatchObject({ job: 'none', result: null, split: 0.5, view: null });
  });
});

describe('task', () => {
  it('is never Auto with a pack that proposes nothing', () => {
    const ready = (auto: boolean) =>
      ({ state: 'ready', engine: {} as EngineInfo, pack: { auto } as PackInfo }) as const;
    app().setEngine(ready(true));
    app().choose({ task: 'auto', picked: true });
    app().setEngine(ready(true));
    expect(app().task).toBe('auto');
    app().setEngine(ready(false));
    expect(app()).toMatchObject({ task: 'noise', picked: false });
  });

  it('belongs to the session, its proposal to the photo', () => {
    app().choose({ task: 'rain', picked: true });
    app().setProposal({ classes: [], top: 'noise', sure: 0.9, task: 'noise', strength: 1 });
    app().setPhoto({ name: 'b.png', info, view: new Bitmap() });
    expect(app()).toMatchObject({ task: 'rain', picked: true, proposal: null });
  });
});

describe('engine', () => {
  it('takes the result with it when its worker goes', () => {
    const ready = { state: 'ready', engine: {} as EngineInfo, pack: {} as PackInfo } as const;
    app().setEngine({ state: 'starting', event: null });
    app().setEngine(ready);
    app().beginJob('restore');
    app().endJob('done', result);
    app().setEngine(ready);
    expect(app().result).toBe(result);
    app().setEngine({ state: 'starting', event: null });
    expect(app().result).toBeNull();
  });

  it('tells of results that went with a worker that had to be ended, until the next job', () => {
    const ready = { state: 'ready', engine: {} as EngineInfo, pack: {} as PackInfo } as const;
    const taken = { state: 'error', failure: { code: 'engine-taken', detail: '', values: {} } } as const;
    app().setEngine(ready);
    app().setEngine(taken);
    expect(app().resultsLost).toBe(false);
    app().setEngine(ready);
    app().beginJob('restore');
    app().addFrame({ step: 4, image: new Bitmap() });
    const entry = { id: 2, task: 'noise', steps: 4, seed: 1, tried: {}, approximate: false, base: [], result } as const;
    app().addResult(entry, null, { strength: 1, mask: null });
    app().endJob('done', result);
    app().setEngine(taken);
    expect(app()).toMatchObject({ resultsLost: true, results: [], result: null, frames: [] });
    app().beginJob('restore');
    expect(app().resultsLost).toBe(false);
  });

  it('leaves the film strip to the job under way, whose worker was replaced', () => {
    const ready = { state: 'ready', engine: {} as EngineInfo, pack: {} as PackInfo } as const;
    app().setEngine(ready);
    const entry = { id: 2, task: 'noise', steps: 4, seed: 1, tried: {}, approximate: false, base: [], result } as const;
    app().addResult(entry, null, { strength: 1, mask: null });
    app().beginJob('restore');
    app().addFrame({ step: 1, image: new Bitmap() });
    app().setEngine({ state: 'starting', event: null });
    expect(app()).toMatchObject({ job: 'running', frames: [{ step: 1 }], resultsLost: true });
  });
});
