/** A large photo through the loop: what it costs beside its tiles. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import type { Photo } from './photo.ts';
import { restorePhoto } from './restore.ts';
import { ToyBackend } from './testing/toy.ts';
import { toyManifest } from './testing/toy-manifest.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

it('keeps a 12 megapixel photo within 8 bytes a px', async () => {
  const [width, height] = [4000, 3000];
  const photo: Photo = { width, height, rgb: new Uint8Array(width * height * 3).fill(120) };
  const base = toyManifest({ decoderInputs: 'latents+skips' });
  const manifest = { ...base, tile: { gpu: 1024, wasm: 512, overlap: 64 } };
  const backend = new ToyBackend(manifest);
  const engine = { backend, manifest, readShard: async () => new Uint8Array() };
  let peak = 0;
  const sample = () => {
    collect();
    const held = [...backend.live].reduce((sum, { dims }) => sum + 4 * dims.reduce((a, b) => a * b, 1), 0);
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - held);
  };
  const before = process.memoryUsage().arrayBuffers - photo.rgb.byteLength;
  const job = await restorePhoto(engine, photo, {
    task: 'noise',
    seed: 1,
    steps: 2,
    skipCacheBytes: 0,
    events: { progress: sample, step: sample },
  });
  expect(job.rgb).toHaveLength(width * height * 3);
  // Source 3, result 3; latents and kept steps are a quarter of a real pack's, whose 16 channels take 1 byte a px.
  const tileRow = 6 * width * 512;
  const tileArrays = 8 * 4 * 3 * 512 * 512;
  expect((peak - before - tileRow - tileArrays) / (width * height)).toBeLessThan(6.5);
}, 600_000);
