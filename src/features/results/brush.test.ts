import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { useApp } from '../../store/index.ts';
import type { Photo } from '../../store/photoSlice.ts';
import { lookOf } from '../../store/resultsSlice.ts';
import { sampleInfo, sampleResult } from '../../store/sample.ts';
import { beginStroke } from './brush.ts';
import { NoCanvas } from './canvas.sample.ts';
import { drawLook } from './look.ts';

const image = { width: 8, height: 6, close: () => undefined } as ImageBitmap;
const app = useApp.getState;

beforeEach(() => {
  useApp.setState(useApp.getInitialState(), true);
  useApp.setState({ photo: { name: 'a.png', info: sampleInfo, view: image } as Photo });
  const result = sampleResult();
  const entry = { id: 2, task: 'noise', steps: 4, seed: 1, tried: {}, approximate: false, base: [], result } as const;
  app().addResult(entry, { id: 2, restored: image, below: null }, { strength: 1, mask: null });
  app().setResults({ brush: { size: 64, soft: 0.5, erase: false } });
});
afterEach(() => vi.unstubAllGlobals());

it.each([NoCanvas, undefined])(
  'a stroke that finds no canvas says so and hides nothing of the result (%o)',
  (canvas) => {
    vi.stubGlobal('OffscreenCanvas', canvas);
    expect(beginStroke(1)).toBeNull();
    expect(app().failure).toMatchObject({ code: 'no-canvas' });
    // A mask of nothing would be saved with the photo.
    expect(lookOf(app()).mask).toBeNull();
  },
);

it('a mask that can not be shown is told of', () => {
  vi.stubGlobal('OffscreenCanvas', NoCanvas);
  app().setLook({ mask: { width: 2, height: 2, data: new Uint8Array(4) } });
  drawLook();
  expect(app().failure).toMatchObject({ code: 'no-canvas' });
});
