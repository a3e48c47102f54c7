/** Jobs on the toy backend, and what they must give. */
import type { Manifest } from '../../packs/manifest.ts';
import type { Engine, JobOptions } from '../job.ts';
import { noiseLatents } from '../noise.ts';
import type { Photo } from '../photo.ts';
import { ToyBackend, type ToyFaults } from './toy.ts';

export function engineOf(manifest: Manifest, faults: ToyFaults = {}, states = new Uint8Array()) {
  const backend = new ToyBackend(manifest, faults);
  const engine: Engine = {
    backend,
    manifest,
    readShard: async (_shard, offset, bytes) => states.slice(offset, offset + bytes),
  };
  return { backend, engine };
}

/** A photo that is flat in every 8×8 block, so that the toy's encoder and decoder lose nothing of it. */
export function blocks(width: number, height: number): Photo {
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [bx, by] = [x >> 3, y >> 3];
      rgb.set([80 + ((bx * 13 + by * 29) % 90), 90 + ((bx * 7) % 60), 100 + ((by * 11) % 50)], 3 * (y * width + x));
    }
  return { width, height, rgb };
}

export const options: JobOptions = { task: 'noise', seed: 9, steps: 4 };

/** Level of the blocks' result: photo + 0.5 · noise · Π(1 + dt a_k), clamped to 8 bits. */
export function expectedLevel(
  photo: Photo,
  x: number,
  y: number,
  channel: number,
  sigma: number,
  product: number,
): number {
  const noise = noiseLatents(9, 4, { x: x >> 3, y: y >> 3, width: 1, height: 1 }).data[channel] ?? 0;
  const level = photo.rgb[3 * (y * photo.width + x) + channel] ?? 0;
  return Math.min(255, Math.max(0, level + 127.5 * sigma * noise * product));
}

export function worstError(
  photo: Photo,
  rgb: Uint8Array,
  expected: (x: number, y: number, c: number) => number,
): number {
  let worst = 0;
  for (let y = 0; y < photo.height; y++)
    for (let x = 0; x < photo.width; x++)
      for (let c = 0; c < 3; c++) {
        const error = Math.abs((rgb[3 * (y * photo.width + x) + c] ?? 0) - expected(x, y, c));
        worst = Math.max(worst, error);
      }
  return worst;
}
