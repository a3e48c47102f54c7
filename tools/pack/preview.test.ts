import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltPack, buildFixturePack } from './parity-helpers.ts';
import { fitPreview, previewSamples } from './preview.ts';

const FACTOR = 8;

describe('fitPreview', () => {
  let pack: BuiltPack;
  beforeAll(async () => {
    pack = await buildFixturePack('step1x', 32);
  });
  afterAll(() => pack.remove());

  it("is the linear map nearest to the decoder's mean colours", async () => {
    const { matrix, bias } = await fitPreview(pack.folder, pack.manifest);
    // Built into the pack as well, with the same numbers.
    expect(pack.manifest.preview).toEqual({ kind: 'linear', matrix, bias });
    const channels = pack.manifest.family.latentChannels;
    // Residuals of a least-squares fit have nothing in common with the latents, nor a mean.
    const common = Array.from({ length: channels + 1 }, () => [0, 0, 0]);
    let power = 0;
    let count = 0;
    for await (const { latents, colours } of previewSamples(pack.folder, pack.manifest)) {
      const side = Math.sqrt(latents.length / channels);
      for (let at = 0; at < side * side; at++) {
        const z = Array.from({ length: channels }, (_, c) => latents[c * side * side + at] ?? 0);
        const residual = matrix.map((row, rgb) => {
          const fitted = row.reduce((sum, weight, c) => sum + weight * (z[c] ?? 0), bias[rgb] ?? 0);
          return meanColour(colours, rgb, at, side) - fitted;
        });
        for (const [rgb, value] of residual.entries()) {
          [...z, 1].forEach((factor, c) => {
            const row = common[c];
            if (row) row[rgb] = (row[rgb] ?? 0) + factor * value;
          });
          power += value * value;
        }
        count++;
      }
    }
    const scale = Math.sqrt(power / count);
    expect(scale).toBeGreaterThan(0);
    // The ridge of the normal equations and six digits leave this much.
    for (const value of common.flat()) expect(Math.abs(value / count / scale)).toBeLessThan(0.01);
  });
});

function meanColour(picture: ArrayLike<number>, rgb: number, at: number, side: number): number {
  const width = side * FACTOR;
  const [y, x] = [Math.floor(at / side) * FACTOR, (at % side) * FACTOR];
  let sum = 0;
  for (let i = 0; i < FACTOR ** 2; i++) {
    sum += picture[(rgb * width + y + Math.floor(i / FACTOR)) * width + x + (i % FACTOR)] ?? 0;
  }
  return sum / FACTOR ** 2;
}
