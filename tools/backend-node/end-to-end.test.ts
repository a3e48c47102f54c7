/**
 * Whole jobs on onnxruntime-web's wasm in Node. Against PyTorch (fixtures/end_to_end.py, which restates padding,
 * thumbnail, noise, schedule, guidance and steps on its own), and on the packs themselves.
 */
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Photo } from '../../workers/pipeline/photo.ts';
import { decodeStep, restorePhoto } from '../../workers/pipeline/restore.ts';
import { makeConformancePack } from '../conformance/make.ts';
import { buildFixturePack, type Case } from '../pack/parity-helpers.ts';
import { readPhoto } from '../restore/files.ts';
import { type NodeEngine, openEngine } from './backend.ts';
import { loadOrt } from './ort.ts';

const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
const SMALL_PACK = fileURLToPath(new URL('../../public/packs/small', import.meta.url));

interface Difference {
  readonly worst: number;
  readonly mean: number;
}

function difference(a: Uint8Array, b: Uint8Array): Difference {
  if (a.length !== b.length) throw new Error(`${a.length} levels against ${b.length}`);
  let worst = 0;
  let sum = 0;
  a.forEach((level, i) => {
    const error = Math.abs(level - (b[i] ?? 0));
    worst = Math.max(worst, error);
    sum += error;
  });
  return { worst, mean: sum / a.length };
}

describe.each<[Case, 'haze' | 'noise', number]>([
  ['small', 'haze', 3],
  ['step1x', 'noise', 12],
])('a whole job of the %s family', (family, task, steps) => {
  let engine: NodeEngine;
  let remove: () => Promise<void>;
  let photo: Photo;

  beforeAll(async () => {
    const pack = await buildFixturePack(family, 32);
    remove = pack.remove;
    engine = await openEngine(pack.folder, 'wasm', 1);
    photo = await readPhoto(fixture('photo.png'));
  });

  afterAll(async () => {
    await engine.backend.dispose();
    await remove();
  });

  it('gives the levels that PyTorch gives', async () => {
    const expected = await readPhoto(fixture(`${family}.png`));
    const { rgb } = await restorePhoto(engine, photo, { task, steps, seed: 42 });
    const { worst, mean } = difference(rgb, expected.rgb);
    // Latents are decoded from halves: one value in a hundred falls on the other side of a rounding.
    expect(worst).toBeLessThanOrEqual(1);
    expect(mean).toBeLessThan(0.02);
  });
});

/** A picture with edges, gradients and grain. */
function picture(width: number, height: number): Photo {
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const grain = ((x * 7919 + y * 104729 + x * y) % 41) - 20;
      const edge = (x - 60) ** 2 + (y - 40) ** 2 < 500 ? 70 : 0;
      rgb.set([60 + x + grain + edge, 90 + y + grain, 140 - x / 2 + grain - edge / 2], 3 * (y * width + x));
    }
  return { width, height, rgb };
}

describe.each([
  ['embedded', async () => ({ folder: SMALL_PACK, remove: async () => {} })],
  [
    'conformance',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'conformance-'));
      await makeConformancePack(folder);
      return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
    },
  ],
] as const)('the %s pack', (_name, open) => {
  let engine: NodeEngine;
  let remove: () => Promise<void>;
  const photo = picture(96, 64);
  const options = { task: 'noise', steps: 2, seed: 3 } as const;

  beforeAll(async () => {
    const pack = await open();
    remove = pack.remove;
    engine = await openEngine(pack.folder, 'wasm', 1);
  });

  afterAll(async () => {
    await engine.backend.dispose();
    await remove();
  });

  it('restores a small photo: finite, the same each time, another with another seed', async () => {
    const first = await restorePhoto(engine, photo, options);
    expect([first.width, first.height, first.tiles, first.steps]).toEqual([96, 64, 1, 2]);
    expect(new Set(first.rgb).size).toBeGreaterThan(10);
    const second = await restorePhoto(engine, photo, options);
    expect(Buffer.compare(first.rgb, second.rgb)).toBe(0);
    const other = await restorePhoto(engine, photo, { ...options, seed: 4 });
    expect(difference(first.rgb, other.rgb).mean).toBeGreaterThan(0.01);
  });

  it('without its DiT gives something else', async () => {
    const on = await restorePhoto(engine, photo, options);
    const off = await restorePhoto(engine, photo, { ...options, ditOff: true });
    expect(difference(on.rgb, off.rgb).mean).toBeGreaterThan(0.05);
  });

  it('in tiles gives a photo of the same size without a non-finite value', async () => {
    const tiled = await restorePhoto(engine, photo, { ...options, tile: 64 });
    expect(tiled.tiles).toBe(2);
    expect(tiled.rgb).toHaveLength(96 * 64 * 3);
  });

  it('decodes a kept step as the job itself would have', async () => {
    const job = await restorePhoto(engine, photo, options);
    const last = await decodeStep(engine, photo, job.kept, 2);
    expect(Buffer.compare(job.rgb, last.rgb)).toBe(0);
    const first = await decodeStep(engine, photo, job.kept, 1);
    expect(difference(first.rgb, last.rgb).mean).toBeGreaterThan(0);
  });
});

describe('tiles of the embedded pack', () => {
  // 45 dB is a root mean square of 1.4 levels; the mean of the absolute difference is below that.
  it.each([
    ['of the VAE alone, which has no op that sees a whole tile', true, 0.5],
    ['with the DiT, whose attention sees one tile', false, 1.4],
  ])('agree with the whole: %s', async (_, ditOff, most) => {
    const engine = await openEngine(SMALL_PACK, 'wasm', 1);
    const wide = picture(208, 64);
    const options = { task: 'noise', seed: 3, ditOff } as const;
    const whole = await restorePhoto(engine, wide, options);
    const tiled = await restorePhoto(engine, wide, { ...options, tile: 128 });
    await engine.backend.dispose();
    expect([whole.tiles, tiled.tiles > 1]).toEqual([1, true]);
    expect(difference(whole.rgb, tiled.rgb).mean).toBeLessThan(most);
  });
});

describe('a broken pack', () => {
  it('is refused when a file has changed or is missing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'broken-'));
    try {
      for (const file of await readdir(SMALL_PACK)) await copyFile(join(SMALL_PACK, file), join(folder, file));
      const shard = join(folder, 'vae-0.bin');
      const bytes = await readFile(shard);
      bytes[1000] = (bytes[1000] ?? 0) ^ 1;
      await writeFile(shard, bytes);
      const engine = await openEngine(folder, 'wasm', 1);
      const job = restorePhoto(engine, picture(32, 32), { task: 'noise', seed: 1 });
      await expect(job).rejects.toMatchObject({ code: 'pack-damaged' });
      await rm(join(folder, 'manifest.json'));
      await expect(openEngine(folder, 'wasm', 1)).rejects.toMatchObject({ code: 'pack-missing' });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('onnxruntime-node', () => {
  it('is asked for in a plain sentence where it is missing', async () => {
    const installed = await import('node:module').then(({ createRequire }) => {
      try {
        return createRequire(import.meta.url).resolve('onnxruntime-node') !== '';
      } catch {
        return false;
      }
    });
    if (installed) expect(await loadOrt('cpu', 1)).toHaveProperty('InferenceSession');
    else await expect(loadOrt('cpu', 1)).rejects.toThrow(/npm install --no-save onnxruntime-node/);
  });
});
