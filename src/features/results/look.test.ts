import { afterEach, expect, it, vi } from 'vitest';
import { engine } from '../../app/engine.ts';
import { fail } from '../../bridge/outcome.ts';
import { useApp } from '../../store/index.ts';
import { sampleResult } from '../../store/sample.ts';
import { heatOf, watchLook } from './look.ts';

afterEach(() => {
  useApp.setState(useApp.getInitialState(), true);
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

it('the heat map lies over the result only: not over the original, nor over a job', () => {
  // Stands for pixels: nothing looks at them here.
  const map = { width: 1, height: 1, close: () => undefined };
  const numbers = { psnr: 30, ssim: 0.9, changed: 0.5, most: 9 };
  const app = useApp.getState;
  expect(heatOf(app())).toBeNull();
  app().setResults({ fidelity: { numbers, map } });
  expect(heatOf(app())).toBe(map);
  app().setUi({ showOriginal: true });
  expect(heatOf(app())).toBeNull();
  app().setUi({ showOriginal: false });
  app().beginJob('restore');
  expect(heatOf(app())).toBeNull();
  // A job that came to nothing leaves result and map as they were.
  app().endJob('cancelled');
  expect(heatOf(app())).toBe(map);
});

it('another result that can not be shown is told of, as the one before still stands on the canvas', async () => {
  vi.stubGlobal('requestAnimationFrame', () => 0);
  vi.stubGlobal('cancelAnimationFrame', () => undefined);
  vi.stubGlobal('screen', { width: 100, height: 100 });
  vi.stubGlobal('devicePixelRatio', 1);
  vi.spyOn(engine, 'view').mockResolvedValue(fail('no-canvas'));
  const app = useApp.getState;
  for (const id of [1, 2]) {
    const image = { width: 1, height: 1, close: () => undefined };
    const result = sampleResult({ id });
    const entry = { id, task: 'noise', steps: 4, seed: 0, tried: {}, approximate: false, base: [], result } as const;
    app().addResult(entry, { id, restored: image, below: null }, { strength: 1, mask: null });
  }
  watchLook();
  app().selectResult(1);
  await vi.waitFor(() => expect(app().failure).toMatchObject({ code: 'no-canvas' }));
});
