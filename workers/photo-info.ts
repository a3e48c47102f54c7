/** What the page is told of a photo, and what a result's file says of how it came about. */
import type { Manifest } from './packs/manifest.ts';
import { sha256Hex } from './packs/store.ts';
import type { DecodedPhoto } from './photo/decode.ts';
import { type Recipe, readRecipes } from './photo/meta/xmp.ts';
import { conditionsOf, triedIn } from './pipeline/experiments.ts';
import type { JobResult } from './pipeline/job.ts';
import type { PhotoInfo, RestoreRequest, RestoreResult } from './protocol.ts';
import type { Origin } from './versions.ts';

export interface OpenPhoto {
  readonly id: number;
  /** As it was opened, for the checkpoint of a job. */
  readonly file: Blob;
  readonly pixels: DecodedPhoto;
}

/** Decoders lie beside the app's scripts: `../codecs/` from the built worker as from the development server's. */
export const codecUrl = (name: string): string => new URL(`../codecs/${name}.wasm.gzip`, self.location.href).href;

export function photoInfo(id: number, { width, height, type, layout, source }: DecodedPhoto, tiles: number): PhotoInfo {
  const { bits, channels } = layout;
  const grey = channels < 3;
  const wide = !grey && !source.colour(layout).isSrgb;
  return { id, width, height, type, tiles, bits, grey, wide, lost: source.lost, recipes: readRecipes(source.meta.xmp) };
}

/** What the page is told of a result. */
export function resultInfo(
  id: number,
  { width, height, milliseconds, tiles, steps, longestCallMs, kept }: JobResult,
  { gpuPeakBytes, heapBytes }: RestoreResult['memory'],
): RestoreResult {
  const keepable = kept.history.available();
  const memory = { gpuPeakBytes, heapBytes };
  return { id, width, height, milliseconds, tiles, steps, keepable, longestCallMs, memory };
}

export async function originOf(request: RestoreRequest, manifest: Manifest): Promise<Origin> {
  return { recipe: await recipeOf(request, manifest), base: request.base ?? [] };
}

/** The app's version is the page's to add. */
async function recipeOf(request: RestoreRequest, manifest: Manifest): Promise<Recipe> {
  const { task, steps, seed, strength: amount = 1 } = request;
  const packHash = await sha256Hex(new TextEncoder().encode(JSON.stringify(manifest)));
  const { name, version } = manifest;
  const tried = triedIn(request);
  return {
    ...{ task, steps, seed, kept: steps, amount, strength: 1, masked: false },
    ...{ pack: name, packVersion: version, packHash, app: '' },
    ...(tried && { tried }),
    ...(conditionsOf(manifest) === 'baked' && { approximate: true }),
  };
}
