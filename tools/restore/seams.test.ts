/**
 * Whether tiles show: gradients and noise through the embedded pack, tile by tile. A border would be seen where the change from
 * one column (or row) of pixels to the next is larger where tiles overlap than inside of them.
 */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TaskId } from '../../workers/packs/manifest.ts';
import { philox } from '../../workers/pipeline/noise.ts';
import type { Photo } from '../../workers/pipeline/photo.ts';
import { planJob } from '../../workers/pipeline/plan.ts';
import { restorePhoto } from '../../workers/pipeline/restore.ts';
import type { Axis } from '../../workers/pipeline/tiles.ts';
import { type NodeEngine, openEngine } from '../backend-node/backend.ts';

const PACK = fileURLToPath(new URL('../../public/packs/small', import.meta.url));
const [WIDTH, HEIGHT] = [352, 256];
const TILE = 224;

/**
 * A picture by the level of its grey at x and y, both 0 to 1, each channel `tint` levels further from the one before, with noise
 * of `spread` levels on it.
 */
function drawn(grey: (x: number, y: number) => number, tint: number, spread: number): Photo {
  const rgb = new Uint8ClampedArray(3 * WIDTH * HEIGHT);
  const state = new Uint32Array(4);
  for (let i = 0; i < rgb.length; i++) {
    if (i % 4 === 0) {
      state.set([i, 0, 0, 0]);
      philox(state, 7, 0);
    }
    const pixel = Math.floor(i / 3);
    const level = grey((pixel % WIDTH) / WIDTH, Math.floor(pixel / WIDTH) / HEIGHT);
    rgb[i] = level + ((i % 3) - 1) * tint + spread * ((state[i % 4] as number) / 2 ** 32 - 0.5);
  }
  return { width: WIDTH, height: HEIGHT, rgb: new Uint8Array(rgb.buffer) };
}

/** A gentle slope to the lower right. */
const slope = (spread: number) => drawn((x, y) => 90 + 20 * (x + y), 8, spread);

/** From black to a luma of 40 along the photo: steep for what is that dark. One level of noise stands for a sensor's. */
const darkSlope = (spread: number) => drawn((x) => 40 * x, 0, spread);

/** Blue-black above, a glow above the horizon. */
const nightSky = (spread: number) => drawn((x, y) => 4 + 36 * y * y + 4 * x, 3, spread);

/**
 * How much the change that restoring made differs from each line of pixels to the one before, as the mean over the line of
 * the signed difference: noise cancels out, an edge along the line does not.
 *
 * @returns by columns and by rows; entry 0 is 0
 */
function steps(given: Photo, restored: Uint8Array): { x: Float64Array; y: Float64Array } {
  const x = new Float64Array(WIDTH);
  const y = new Float64Array(HEIGHT);
  const change = (at: number) => (restored[at] as number) - (given.rgb[at] as number);
  for (let row = 0; row < HEIGHT; row++) {
    for (let column = 0; column < WIDTH; column++) {
      for (let c = 0; c < 3; c++) {
        const at = 3 * (row * WIDTH + column) + c;
        if (column > 0) x[column] = (x[column] as number) + (change(at) - change(at - 3)) / (3 * HEIGHT);
        if (row > 0) y[row] = (y[row] as number) + (change(at) - change(at - 3 * WIDTH)) / (3 * WIDTH);
      }
    }
  }
  return { x: x.map(Math.abs), y: y.map(Math.abs) };
}

interface Contrast {
  readonly most: number;
  readonly rms: number;
}

/** Steps where tiles overlap, and inside of tiles; the outermost 16 px of the photo have edges of their own. */
function split(values: Float64Array, { starts, size }: Axis): { border: Contrast; inside: Contrast } {
  const overlaps = (at: number) =>
    starts.slice(1).some((start, i) => at >= start - 1 && at <= (starts[i] as number) + size);
  const of = (wanted: boolean): Contrast => {
    const some = [...values.keys()].filter((at) => at >= 16 && at < values.length - 16 && overlaps(at) === wanted);
    const steps = some.map((at) => values[at] as number);
    const squares = steps.reduce((sum, step) => sum + step * step, 0);
    return { most: Math.max(...steps), rms: Math.sqrt(squares / steps.length) };
  };
  return { border: of(true), inside: of(false) };
}

/** Chance spreads the quotient of two RMS over about 100 and 190 lines of noise by .09: 1.3 is three and a half times that. */
const ROOM = { rms: 1.3, most: 1.2 };

describe('tiles of the embedded pack', () => {
  let engine: NodeEngine;
  beforeAll(async () => {
    engine = await openEngine(PACK, 'wasm', 1);
  });
  afterAll(() => engine.backend.dispose());

  const cases: [TaskId, string, Photo][] = [
    ['low-light', 'a slope', slope(0)],
    ['noise', 'a slope with noise', slope(30)],
    ['haze', 'a slope with noise', slope(30)],
    ['low-light', 'a dark slope', darkSlope(1)],
    ['noise', 'a dark slope with noise', darkSlope(8)],
    ['low-light', 'a night sky', nightSky(1)],
    ['haze', 'a night sky', nightSky(1)],
  ];
  it.each(cases)(
    '%s on %s: no more contrast where tiles meet than inside',
    async (task, name, photo) => {
      const { x, y, tiles } = planJob(engine.manifest, engine.backend, photo, TILE);
      expect(tiles.length).toBe(4);
      const { rgb } = await restorePhoto(engine, photo, { task, seed: 1, steps: 1, tile: TILE });
      const look = (restored: Uint8Array) => {
        const all = steps(photo, restored);
        return [split(all.x, x), split(all.y, y)];
      };
      const found = look(rgb);
      for (const { border, inside } of found) {
        console.log(
          `${task}, ${name}: rms ${border.rms.toFixed(3)} at borders, ${inside.rms.toFixed(3)} inside; ` +
            `most ${border.most.toFixed(2)}, ${inside.most.toFixed(2)}`,
        );
        expect(border.rms).toBeLessThanOrEqual(ROOM.rms * inside.rms);
        expect(border.most).toBeLessThanOrEqual(ROOM.most * inside.most);
      }
      // Tiles put side by side with two levels between them are found, or where levels inside are further apart, one more than those.
      const gap = Math.max(2, 1 + Math.ceil(found[0]?.inside.most ?? 0));
      const cut = (x.starts[1] as number) + 48;
      const [broken] = look(
        rgb.map((level, i) => (Math.floor(i / 3) % WIDTH >= cut ? Math.max(0, level - gap) : level)),
      );
      expect(broken?.border.most).toBeGreaterThan(ROOM.most * (broken?.inside.most ?? 0));
    },
    240_000,
  );
});
