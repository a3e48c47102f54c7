/** The frozen test set: which photo, damaged how. `set/` (Python) makes the pictures. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { taskId } from '../../workers/packs/manifest.ts';

const photo = z.string().regex(/^\d{4}$/);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const entry = z.strictObject({ photo, sha256 });
const item = z.strictObject({
  ...entry.shape,
  task: taskId,
  /** What `set/kinds.py` does to it. */
  kind: z.string(),
  seed: z.int(),
  params: z.record(z.string(), z.unknown()),
  /** The other scene of a reflection. */
  second: photo.exactOptional(),
  /** Of the damaged picture, dB. */
  psnr: z.number(),
});
const recipe = z.strictObject({
  format: z.literal(1),
  /** Shorter side that photos are reduced to, and side of the square that is cut from their middle, px. */
  short: z.int(),
  crop: z.int(),
  /** Between which the mean PSNR of a task's damaged pictures lies, dB. */
  bands: z.record(taskId, z.tuple([z.number(), z.number()])),
  clean: z.array(entry),
  items: z.array(item),
});
export type Recipe = z.infer<typeof recipe>;
export type Item = z.infer<typeof item>;

export async function readRecipe(): Promise<Recipe> {
  return recipe.parse(JSON.parse(await readFile(new URL('../quality-set.json', import.meta.url), 'utf8')));
}

/** One hash of all pictures, clean ones first; as `set_hash` of set/pixels.py. */
export function hashOf({ clean, items }: Pick<Recipe, 'clean' | 'items'>): string {
  const hashes = [...clean, ...items].map((picture) => picture.sha256);
  return createHash('sha256').update(hashes.join('\n')).digest('hex');
}

/** What was done to a photo for a task. @throws RangeError when the set has no such picture */
export function kindOf({ items }: Pick<Recipe, 'items'>, task: string, photo: string): string {
  const found = items.find((item) => item.task === task && item.photo === photo);
  if (!found) throw new RangeError(`no picture of ${photo} for ${task}`);
  return found.kind;
}

/**
 * `count` of the photos, in an order that jumps through the set, so that fewer are among more: what was measured of some is
 * kept when all follow. The same order as maxim/run.py's.
 */
export function spread<T>(all: readonly T[], count: number): T[] {
  return Array.from({ length: Math.min(count, all.length) }, (_, i) => all[(17 * i) % all.length] as T);
}
