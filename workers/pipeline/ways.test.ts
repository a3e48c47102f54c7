import { describe, expect, it } from 'vitest';
import type { Engine, Paint } from './job.ts';
import type { Photo } from './photo.ts';
import { estimateWays } from './probe.ts';
import { restorePhoto } from './restore.ts';
import { ToyBackend } from './testing/toy.ts';
import { toyManifest } from './testing/toy-manifest.ts';
import { areaRect, seen, type Way, wholeSize } from './ways.ts';

const UNIT = 16;

/** Noise over a slope, so that there is detail everywhere. */
function photo(width: number, height: number): Photo {
  const rgb = Uint8Array.from({ length: 3 * width * height }, (_, i) => 60 + ((i * 7919) % 53) + ((i / width) % 90));
  return { width, height, rgb };
}

function engineOf(): Engine {
  const manifest = toyManifest();
  return { backend: new ToyBackend(manifest), manifest, readShard: async () => new Uint8Array() };
}

const worst = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? 0))), 0);

describe('the whole photo at about one megapixel', () => {
  it('has the sizes that the authors work out', () => {
    const sizes: [number, number, number, number][] = [
      [4000, 4000, 1024, 1024],
      [4000, 3000, 1168, 880],
      [3000, 2000, 1248, 832],
      [1920, 1080, 1360, 768],
      [1080, 1920, 768, 1360],
      [200, 200, 1024, 1024],
    ];
    for (const [width, height, w, h] of sizes) expect(wholeSize(width, height, UNIT)).toEqual({ width: w, height: h });
  });

  it('keeps the detail of the photo where nothing changed', () => {
    const large = photo(1500, 1100);
    const view = seen(large, { kind: 'whole' }, UNIT);
    const rounded = worst(view.finish(view.photo.rgb), large.rgb);
    // The model saw levels rounded to whole ones: at most half a level comes back as a change.
    expect(rounded).toBeLessThanOrEqual(1);
  });

  it('takes the restored picture where much changed, and adds small changes', () => {
    const large = photo(1500, 1100);
    const view = seen(large, { kind: 'whole' }, UNIT);
    const dark = view.finish(new Uint8Array(view.photo.rgb.length));
    expect(Math.max(...dark.subarray(0, 9000))).toBe(0);
    const lighter = view.finish(view.photo.rgb.map((value) => value + 4));
    const gained = lighter.map((value, i) => value - (large.rgb[i] ?? 0));
    expect(Math.min(...gained.subarray(0, 9000))).toBeGreaterThanOrEqual(3);
    expect(Math.max(...gained.subarray(0, 9000))).toBeLessThanOrEqual(5);
  });

  it('brings a small photo back to its own size', () => {
    const small = photo(300, 200);
    const view = seen(small, { kind: 'whole' }, UNIT);
    expect([view.photo.width, view.photo.height]).toEqual([1248, 832]);
    const back = view.finish(view.photo.rgb);
    expect(back.length).toBe(small.rgb.length);
    const off = back.reduce((sum, value, i) => sum + Math.abs(value - (small.rgb[i] ?? 0)), 0) / back.length;
    expect(off).toBeLessThan(6);
  });
});

describe('an area', () => {
  it('comes with a margin, on the grid, inside the photo', () => {
    const size = { width: 1000, height: 700 };
    expect(areaRect(size, { x: 300, y: 300, width: 100, height: 90 }, UNIT)).toEqual({
      x: 224,
      y: 224,
      width: 240,
      height: 240,
    });
    expect(areaRect(size, { x: 0, y: 0, width: 1000, height: 700 }, UNIT)).toEqual({
      x: 0,
      y: 0,
      width: 1000,
      height: 700,
    });
    const corner = areaRect(size, { x: 990, y: 690, width: 10, height: 10 }, UNIT);
    expect([corner.x + corner.width, corner.y + corner.height]).toEqual([1000, 700]);
  });

  it('is restored alone: nothing else of the photo changes, and nothing else is computed', async () => {
    const given = photo(512, 384);
    const way: Way = { kind: 'area', x: 200, y: 150, width: 64, height: 48 };
    const paints: Paint[] = [];
    const engine = engineOf();
    const options = {
      task: 'noise',
      seed: 3,
      steps: 2,
      way,
      events: { paint: (paint: Paint) => paints.push(paint) },
    } as const;
    const result = await restorePhoto(engine, given, options);
    expect([result.width, result.height, result.rgb.length]).toEqual([512, 384, given.rgb.length]);
    const rect = areaRect(given, way, UNIT);
    let [inside, outside] = [0, 0];
    for (let y = 0; y < 384; y++)
      for (let x = 0; x < 512; x++) {
        const changed = result.rgb[3 * (y * 512 + x)] !== given.rgb[3 * (y * 512 + x)];
        if (x >= rect.x && x < rect.x + rect.width && y >= rect.y && y < rect.y + rect.height)
          inside += Number(changed);
        else outside += Number(changed);
      }
    expect(outside).toBe(0);
    expect(inside).toBeGreaterThan(0.5 * 64 * 48);
    for (const { x, y, w, h } of paints) {
      expect(x >= rect.x && x + w <= rect.x + rect.width && y >= rect.y && y + h <= rect.y + rect.height).toBe(true);
    }
    expect(paints.length).toBeGreaterThan(0);
    expect(result.kept.way).toEqual(way);
  });
});

describe('estimates', () => {
  it('grow with tiles and steps, and weights that have to come count where they are slower', () => {
    const engine = engineOf();
    const pace = new Map([['double', { secondsPerMac: 1e-9, loadSeconds: 0, runSeconds: 1 }]]);
    const at = (steps: number, resident: number, loadSeconds = 0) =>
      estimateWays(
        engine,
        new Map([...pace].map(([graph, one]) => [graph, { ...one, loadSeconds }])),
        { width: 3000, height: 2000 },
        steps,
        { kind: 'area', x: 10, y: 10, width: 50, height: 50 },
        resident,
      );
    const [whole, area, tiles] = at(4, 1);
    expect([whole?.way, area?.way, tiles?.way]).toEqual(['whole', 'area', 'tiles']);
    expect([whole?.width, whole?.height, whole?.tiles]).toEqual([1248, 832, 1]);
    expect(tiles?.tiles).toBeGreaterThan(100);
    expect(area?.seconds).toBeLessThan(tiles?.seconds ?? 0);
    expect(at(8, 1)[2]?.seconds).toBeCloseTo(2 * (tiles?.seconds ?? 0), 9);
    const [streamed] = at(4, 0, 100);
    // Two blocks a step, each as long as its weights take.
    expect(streamed?.seconds).toBe(4 * 2 * 100);
  });
});
