import { describe, expect, it } from 'vitest';
import {
  actualView,
  dividerX,
  fitInto,
  fitView,
  keepInside,
  panBy,
  shareLeftOf,
  splitAt,
  visibleSpan,
  zoomAt,
} from './geometry.ts';

const photo = { width: 4000, height: 2000 };
const stage = { width: 1000, height: 800 };

describe('views', () => {
  it('fits the whole photo in the middle', () => {
    expect(fitView(photo, stage)).toEqual({ scale: 0.25, x: 0, y: 150 });
    expect(fitView({ width: 10, height: 10 }, stage).scale).toBe(4);
  });

  it('shows one photo px on one device px', () => {
    expect(actualView(photo, stage, 2)).toEqual({ scale: 0.5, x: -500, y: -100 });
  });

  it('keeps the photo px under the pointer while zooming inside the photo', () => {
    const before = actualView(photo, stage, 1);
    const [px, py] = [321, 456];
    const after = zoomAt(before, 1.7, px, py, photo, stage);
    expect((px - after.x) / after.scale).toBeCloseTo((px - before.x) / before.scale, 6);
    expect((py - after.y) / after.scale).toBeCloseTo((py - before.y) / before.scale, 6);
  });

  it('zooms out to fit and no further, in to 32 and no further', () => {
    const fit = fitView(photo, stage);
    expect(zoomAt(actualView(photo, stage, 1), 1e-6, 3, 4, photo, stage)).toEqual(fit);
    expect(zoomAt(fit, 1e9, 500, 400, photo, stage).scale).toBe(32);
  });

  it('leaves no gap at an edge, whichever way it is panned', () => {
    const view = actualView(photo, stage, 1);
    for (const [dx, dy] of [
      [1e5, 1e5],
      [-1e5, -1e5],
      [13, -7],
    ] as const) {
      const moved = panBy(view, dx, dy, photo, stage);
      expect(moved.x).toBeLessThanOrEqual(0);
      expect(moved.y).toBeLessThanOrEqual(0);
      expect(moved.x + photo.width).toBeGreaterThanOrEqual(stage.width);
      expect(moved.y + photo.height).toBeGreaterThanOrEqual(stage.height);
      expect(keepInside(moved, photo, stage)).toEqual(moved);
    }
  });
});

describe('divider', () => {
  it('goes over the visible part and back', () => {
    for (const view of [fitView(photo, stage), actualView(photo, stage, 1), { scale: 0.1, x: 300, y: 0 }]) {
      for (const split of [0, 0.2, 0.5, 1]) {
        const x = dividerX(split, view, photo, stage);
        expect(splitAt(x, view, photo, stage)).toBeCloseTo(split, 9);
        expect(x).toBeGreaterThanOrEqual(0);
        expect(x).toBeLessThanOrEqual(stage.width);
      }
    }
  });

  it('clips the original at the same photo px at every zoom', () => {
    const view = actualView(photo, stage, 1);
    const x = dividerX(0.5, view, photo, stage);
    expect(shareLeftOf(x, view, photo)).toBeCloseTo((500 + 1500) / 4000, 9);
    expect(shareLeftOf(-1e9, view, photo)).toBe(0);
    expect(shareLeftOf(1e9, view, photo)).toBe(1);
    expect(visibleSpan(view, photo, stage)).toEqual({ left: 0, width: 1000 });
  });
});

describe('fitInto', () => {
  it('never enlarges and never ends at zero', () => {
    expect(fitInto(photo, 1000)).toEqual({ width: 1000, height: 500 });
    expect(fitInto({ width: 30, height: 20 }, 1000)).toEqual({ width: 30, height: 20 });
    expect(fitInto({ width: 9000, height: 1 }, 100)).toEqual({ width: 100, height: 1 });
  });
});
