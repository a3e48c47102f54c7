import type { Switches } from '../packs/manifest.ts';
import { cropLatents, type Latents } from './latents.ts';
import { noiseLatents } from './noise.ts';

/** Rows of noise made at a time, so that the whole photo's noise is never held beside its latents. */
const BAND = 16;

/**
 * The latents at t = 1, for the whole photo.
 *
 * - `noise`: standard normals.
 * - `reference`: the reference latents plus σ times standard normals.
 *
 * @param reference reference latents of the whole padded photo
 */
export function startLatents(spec: Switches['start'], reference: Latents, seed: number): Latents {
  const { channels, height, width } = reference;
  const out = cropLatents(reference, { x: 0, y: 0, width, height });
  const [keep, sigma] = spec.kind === 'noise' ? [0, 1] : [1, spec.sigma];
  for (let top = 0; top < height; top += BAND) {
    const rows = Math.min(BAND, height - top);
    const band = noiseLatents(seed, channels, { x: 0, y: top, width, height: rows });
    for (let c = 0; c < channels; c++) {
      const from = c * rows * width;
      const to = (c * height + top) * width;
      for (let i = 0; i < rows * width; i++) {
        out.data[to + i] = keep * (out.data[to + i] as number) + sigma * (band.data[from + i] as number);
      }
    }
  }
  return out;
}
