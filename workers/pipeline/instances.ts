/** Which graph instances a pack's transformer runs. Pure. */
import { EngineError } from '../errors.ts';
import type { Manifest } from '../packs/manifest.ts';

/** Ids of the DiT's blocks in the order in which they run. */
export function blockInstances(manifest: Manifest): string[] {
  return [
    ...Array.from({ length: manifest.family.double }, (_, i) => `double.${i}`),
    ...Array.from({ length: manifest.family.single }, (_, i) => `single.${i}`),
  ];
}

/** The graph that an instance runs. */
export function graphOf(manifest: Manifest, instance: string): string {
  const name = manifest.instances[instance]?.graph;
  if (name === undefined || !manifest.graphs[name]) {
    throw new EngineError('pack-damaged', `the pack has no ${instance}`);
  }
  return name;
}
