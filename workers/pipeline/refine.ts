import type { Manifest, TaskId } from '../packs/manifest.ts';

/** The manifest of a job for a task: the last pass that the pack has for it runs behind the decoder, as a part of that. */
export function withRefine(manifest: Manifest, task: TaskId): Manifest {
  const own = manifest.refine?.find((each) => each.task === task);
  if (!own) return manifest;
  return { ...manifest, vae: { ...manifest.vae, decode: [...manifest.vae.decode, own.instance] } };
}
