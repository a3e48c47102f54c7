/** Pictures for the canvas while a job runs: by the pack's `preview` and, for the linear map, by `decoderInputs`. */
import type { Switches } from '../packs/manifest.ts';
import type { Calls } from './calls.ts';
import type { TileCodec } from './decode.ts';
import type { JobOptions } from './job.ts';
import type { Latents } from './latents.ts';
import type { Photo } from './photo.ts';
import { type JobPlan, previewKind } from './plan.ts';
import { decodedPicture, linearPicture, type Picture, type PreviewSource } from './preview.ts';
import type { Tile } from './tiles.ts';

interface Easel {
  readonly calls: Calls;
  readonly photo: Photo;
  readonly options: Pick<JobOptions, 'events'>;
  readonly steps: number;
  readonly plan: JobPlan;
}

/** Linear previews are drawn with at most this many px a side; the canvas scales them up. */
const PREVIEW_SIDE = 512;

/** What lies under the linear map: skip decoders add to the photo, so their previews do as well. */
const bases: Record<Switches['decoderInputs'], (photo: Photo, reference: Latents) => PreviewSource['base']> = {
  latents: () => undefined,
  'latents+skips': (photo, reference) => ({ photo, reference }),
};

/**
 * Paints the clean estimate of a tile after `step`. A decoder preview of the last step is left to the decode stage,
 * which paints the very same pixels.
 */
export async function paintEstimate(
  easel: Easel,
  codec: TileCodec,
  tile: Tile,
  estimate: Latents,
  reference: Latents,
  step: number,
): Promise<void> {
  const { calls, photo, options, steps } = easel;
  if (!options.events?.paint) return;
  const { preview, switches, family } = calls.manifest;
  if (previewKind(calls.manifest, easel.plan) === 'decoder') {
    if (step < steps) paintDecoded(easel, tile, await codec.decode(tile, estimate), step);
    return;
  }
  const base = bases[switches.decoderInputs](photo, reference);
  const source = { map: preview, latents: estimate, ...(base && { base }) };
  const divisor = Math.max(1, Math.ceil(Math.max(tile.width, tile.height) / PREVIEW_SIDE));
  emit(easel, tile, linearPicture(source, tile, tile.core, family.factor, divisor), step);
}

/** @param pixels float32 `[3, tile.height, tile.width]` in [-1,1] */
export function paintDecoded(easel: Easel, tile: Tile, pixels: Float32Array, step: number): void {
  if (easel.options.events?.paint) emit(easel, tile, decodedPicture(pixels, tile, tile.core), step);
}

function emit({ options }: Easel, { core }: Tile, picture: Picture, step: number): void {
  if (core.width === 0 || core.height === 0) return;
  options.events?.paint?.({ step, x: core.x, y: core.y, w: core.width, h: core.height, ...picture });
}
