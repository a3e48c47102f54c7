import { describe, expect, it } from 'vitest';
import { addTile, featherGrid, StripBlender } from './feather.ts';
import { cropLatents, makeLatents } from './latents.ts';
import { philox } from './noise.ts';
import { cropPixels, type Photo, reflect } from './photo.ts';
import { cutAxis, featherWeights, planTiles } from './tiles.ts';

const UNIT = 16;
const CASES = process.env.LONG ? 3000 : 300;

/** Seeded draws from [low, high]. */
function draws(seed: number): (low: number, high: number) => number {
  const state = new Uint32Array(4);
  let counter = 0;
  return (low, high) => {
    state.fill(0);
    state[0] = counter++;
    philox(state, seed, 0);
    return low + ((state[0] as number) % (high - low + 1));
  };
}

describe('cutAxis', () => {
  it('leaves a short axis whole and cuts a long one evenly', () => {
    expect(cutAxis(1, 512, 128, UNIT)).toEqual({ length: 16, size: 16, starts: [0] });
    expect(cutAxis(500, 512, 128, UNIT)).toEqual({ length: 512, size: 512, starts: [0] });
    expect(cutAxis(1040, 1024, 128, UNIT)).toEqual({ length: 1040, size: 592, starts: [0, 448] });
  });

  it('covers any length with pieces that are equal, aligned and overlap enough', () => {
    const draw = draws(1);
    for (let i = 0; i < CASES; i++) {
      const side = UNIT * draw(2, 64);
      const overlap = UNIT * draw(0, Math.floor(side / UNIT / 2));
      const length = draw(1, 9000);
      const axis = cutAxis(length, side, overlap, UNIT);
      expect(axis.length).toBe(Math.ceil(length / UNIT) * UNIT);
      expect(axis.size).toBeLessThanOrEqual(side);
      expect(axis.starts[0]).toBe(0);
      expect((axis.starts.at(-1) ?? 0) + axis.size).toBe(axis.length);
      // No more pieces than the side asks for.
      const fewest = axis.length <= side ? 1 : Math.ceil((axis.length - overlap) / (side - overlap));
      expect(axis.starts).toHaveLength(fewest);
      axis.starts.slice(1).forEach((start, k) => {
        const before = axis.starts[k] ?? 0;
        expect(start % UNIT).toBe(0);
        expect(start).toBeGreaterThan(before);
        expect(before + axis.size - start).toBeGreaterThanOrEqual(overlap);
      });
    }
  });

  it('refuses sides that make no sense', () => {
    expect(() => cutAxis(100, 40, 16, UNIT)).toThrow(RangeError);
    expect(() => cutAxis(100, 32, 32, UNIT)).toThrow(RangeError);
  });
});

describe('featherWeights', () => {
  it('sum to 1 at every cell of any axis, for pixels and latents', () => {
    const draw = draws(2);
    for (let i = 0; i < CASES; i++) {
      const side = UNIT * draw(2, 32);
      const axis = cutAxis(draw(1, 3000), side, UNIT * draw(0, Math.floor(side / UNIT / 2)), UNIT);
      for (const scale of [1, 1 / 8]) {
        const sums = new Float64Array(axis.length * scale);
        featherWeights(axis, scale).forEach((weights, piece) => {
          weights.forEach((weight, at) => {
            if (weight < 0) throw new Error('a weight is negative');
            const place = (axis.starts[piece] ?? 0) * scale + at;
            sums[place] = (sums[place] ?? 0) + weight;
          });
        });
        const worst = sums.reduce((most, sum) => Math.max(most, Math.abs(sum - 1)), 0);
        if (!(worst < 1e-6)) throw new Error(`off by ${worst} at length ${axis.length}, side ${side}`);
      }
    }
  });

  it('are a straight ramp between the outer eighths of an overlap', () => {
    const [first, second] = featherWeights({ length: 48, size: 32, starts: [0, 16] }, 1);
    // Overlap 16: margin 2, ramp over 12 cells.
    expect([...(second ?? [])].slice(0, 3)).toEqual([0, 0, Math.fround(0.5 / 12)]);
    expect(second?.[14]).toBe(1);
    expect(first?.[16 + 8]).toBeCloseTo(1 - (second?.[8] ?? 0), 6);
  });
});

describe('planTiles', () => {
  it('has cores that cover the photo exactly once', () => {
    const draw = draws(3);
    for (let i = 0; i < 60; i++) {
      const [width, height] = [draw(1, 400), draw(1, 400)];
      const side = UNIT * draw(2, 10);
      const plan = planTiles(width, height, side, UNIT * draw(0, Math.floor(side / 32)), UNIT);
      const painted = new Uint8Array(width * height);
      for (const tile of plan.tiles) {
        expect(tile.core.x).toBeGreaterThanOrEqual(tile.x);
        expect(tile.core.x + tile.core.width).toBeLessThanOrEqual(tile.x + tile.width);
        for (let y = tile.core.y; y < tile.core.y + tile.core.height; y++)
          for (let x = tile.core.x; x < tile.core.x + tile.core.width; x++) painted[y * width + x]! += 1;
      }
      expect(painted.every((count) => count === 1)).toBe(true);
    }
  });
});

describe('blending', () => {
  it('gives the same latents back where tiles agree', () => {
    const plan = planTiles(200, 150, 96, 32, UNIT);
    const whole = makeLatents(4, plan.paddedHeight / 8, plan.paddedWidth / 8);
    whole.data.forEach((_, i) => {
      whole.data[i] = Math.sin(i);
    });
    const out = makeLatents(4, whole.height, whole.width);
    const grid = featherGrid(plan, 1 / 8);
    for (const tile of plan.tiles) {
      const rect = { x: tile.x / 8, y: tile.y / 8, width: tile.width / 8, height: tile.height / 8 };
      addTile(out, grid, tile, cropLatents(whole, rect));
    }
    whole.data.forEach((z, i) => {
      expect(Math.abs((out.data[i] ?? 9) - z)).toBeLessThan(1e-6);
    });
  });

  it('gives the photo back, to the last bit, for any size', () => {
    const draw = draws(4);
    for (let i = 0; i < 40; i++) {
      const [width, height] = [draw(1, 160), draw(1, 160)];
      const rgb = Uint8Array.from({ length: width * height * 3 }, (_, at) => (at * at * 40503 + i * 7919) >> 7);
      const photo: Photo = { width, height, rgb };
      const side = UNIT * draw(2, 6);
      const plan = planTiles(width, height, side, UNIT * draw(0, Math.floor(side / 32)), UNIT);
      const blender = new StripBlender(plan);
      for (const tile of plan.tiles) blender.add(tile, cropPixels(photo, tile));
      expect(Buffer.compare(blender.rgb, rgb)).toBe(0);
    }
  });

  it('crosses from one tile to the next without a step', () => {
    const plan = planTiles(48, 16, 32, 16, UNIT);
    const blender = new StripBlender(plan);
    for (const tile of plan.tiles) {
      blender.add(tile, new Float32Array(3 * tile.width * tile.height).fill(tile.index === 0 ? -1 : 1));
    }
    const line = Array.from({ length: 48 }, (_, x) => blender.rgb[3 * x] ?? 0);
    expect(line.slice(0, 18).every((level) => level === 0)).toBe(true);
    expect(line.slice(30).every((level) => level === 255)).toBe(true);
    line.slice(1).forEach((level, x) => {
      expect(level - (line[x] ?? 0)).toBeLessThanOrEqual(22);
    });
  });

  it('clamps what is beyond the range and refuses what is no number', () => {
    const plan = planTiles(16, 16, 32, 16, UNIT);
    const [tile] = plan.tiles;
    if (!tile) throw new Error('no tile');
    const bright = new StripBlender(plan);
    bright.add(tile, new Float32Array(768).fill(7));
    expect(bright.rgb.every((level) => level === 255)).toBe(true);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(() => new StripBlender(plan).add(tile, new Float32Array(768).fill(bad))).toThrow(/finite/);
    }
    expect(() => bright.add(tile, new Float32Array(768))).toThrow(RangeError);
  });
});

describe('reflection', () => {
  it('mirrors without repeating the edge, for photos of any size', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((at) => reflect(at, 3))).toEqual([0, 1, 2, 1, 0, 1, 2, 1]);
    expect([0, 1, 2, 15].map((at) => reflect(at, 1))).toEqual([0, 0, 0, 0]);
    const photo: Photo = { width: 2, height: 1, rgb: Uint8Array.of(0, 51, 102, 255, 204, 153) };
    const crop = cropPixels(photo, { x: 0, y: 0, width: 4, height: 2 });
    const red = [-1, 1, -1, 1];
    [...red, ...red].forEach((value, i) => {
      expect(crop[i]).toBeCloseTo(value, 6);
    });
    expect(crop[8]).toBeCloseTo(51 / 127.5 - 1, 6);
  });
});
