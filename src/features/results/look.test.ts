import { expect, it } from 'vitest';
import { useApp } from '../../store/index.ts';
import { heatOf } from './look.ts';

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
