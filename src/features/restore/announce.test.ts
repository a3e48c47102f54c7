import i18next from 'i18next';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EngineInfo, PackInfo } from '../../../workers/protocol.ts';
import en from '../../i18n/en.json';
import { useApp } from '../../store/index.ts';
import { FULL } from '../../store/resultsSlice.ts';
import { sampleInfo, sampleResult } from '../../store/sample.ts';
import { announcement } from './announce.ts';

const initial = useApp.getInitialState();
const app = useApp.getState;
const said = (suggestion = '') => announcement(app(), suggestion, i18next.t, 'en');

// Stand for pixels: the store only ever closes them.
const bitmap = () => ({ width: 1, height: 1, close: () => undefined });
const info = sampleInfo;
const result = sampleResult({
  milliseconds: { read: 0, conditioning: 0, encode: 0, denoise: 0, decode: 0, total: 2345 },
});

/** As a job ends. */
function restored(): void {
  const entry = { id: 2, task: 'noise', steps: 4, seed: 1, tried: {}, approximate: false, base: [], result } as const;
  app().beginJob('restore');
  app().addResult(entry, { id: 2, restored: bitmap(), below: null }, FULL);
  app().endJob('done', result);
}

beforeAll(() => i18next.init({ lng: 'en', resources: { en: { translation: en } } }));
beforeEach(() => {
  useApp.setState(initial, true);
  app().setPhoto({ name: 'a.png', info, view: bitmap() });
});

describe('a screen reader hears', () => {
  it('that a photo is open, and what is proposed for it', () => {
    expect(said()).toBe('a.png is open, 8 × 6 px');
    expect(said('Suggested: Noise')).toBe('a.png is open, 8 × 6 px. Suggested: Noise');
  });

  it('stages and steps', () => {
    app().beginJob('restore');
    expect(said()).toBe('Getting the engine ready');
    app().setProgress({ stage: 'denoise', step: 2, steps: 4, tile: 1, tiles: 1, fraction: 0.5, secondsLeft: null });
    expect(said()).toBe('Restoring, step 2 of 4');
  });

  it('that almost nothing changed, which others see', () => {
    app().beginJob('restore');
    app().setUi({ notice: { code: 'barely-changed', values: {} } });
    app().endJob('done', result);
    expect(said()).toMatch(/^Restored in 2.3 s. Almost nothing changed/);
  });

  it('how long it took, and after undo or a choice what is shown instead', () => {
    restored();
    expect(said()).toBe('Restored in 2.3 s');
    app().undo();
    expect(said()).toBe('The original is shown');
    app().redo();
    expect(said()).toBe('Restored in 2.3 s');
    app().selectResult(null);
    expect(said()).toBe('The original is shown');
  });

  it('what failed: the restoration, or keeping one of its steps', () => {
    app().beginJob('restore');
    app().endJob('failed');
    expect(said()).toBe('The photo could not be restored');
    restored();
    app().beginJob('keep');
    app().endJob('failed');
    expect(said()).toBe('The step could not be kept. The result is as it was.');
  });

  it('that the results went with their engine, rather than that the original is shown', () => {
    app().setEngine({ state: 'ready', engine: {} as EngineInfo, pack: {} as PackInfo });
    restored();
    app().setEngine({ state: 'starting', event: null });
    expect(said()).toBe(en.results.lost);
  });
});
