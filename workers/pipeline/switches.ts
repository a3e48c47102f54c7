/** Settings of a job that the pack has values for already: graph inputs, so no other pack is needed to change them. */
import { EngineError } from '../errors.ts';
import type { Manifest } from '../packs/manifest.ts';

export interface SwitchOptions {
  /** RoPE id of the reference tokens on axis 0: 0 or 1 (realrestorer.md J.1). Packs whose reference is tokens. */
  readonly referenceId?: number;
  /** Value that the guidance embedder is given, 0 to 100. Packs that have that embedder. */
  readonly guidanceEmbed?: number;
  /** Scale of classifier-free guidance, 1 to 20; 1 is off: only the conditional branch runs. Packs with guidance. */
  readonly guidanceScale?: number;
}

/**
 * The manifest with a job's settings in place of the pack's.
 *
 * @throws EngineError 'internal' with a sentence, for a value out of range or a setting that the pack does not have
 */
export function withSwitches(manifest: Manifest, options: SwitchOptions): Manifest {
  const { referenceId, guidanceEmbed, guidanceScale } = options;
  let { family } = manifest;
  const switches = { ...manifest.switches };
  if (referenceId !== undefined) {
    if (switches.reference.kind !== 'tokens') throw refused('reference id');
    if (referenceId !== 0 && referenceId !== 1) throw outOfRange('reference id', '0 or 1', referenceId);
    switches.reference = { kind: 'tokens', axis0: referenceId };
  }
  if (guidanceEmbed !== undefined) {
    if (family.guidanceEmbed === null) throw refused('guidance embedding');
    if (!(guidanceEmbed >= 0 && guidanceEmbed <= 100)) throw outOfRange('guidance value', '0 to 100', guidanceEmbed);
    family = { ...family, guidanceEmbed };
  }
  if (guidanceScale !== undefined) {
    if (switches.guidance.kind !== 'cfg') throw refused('guidance scale');
    if (!(guidanceScale >= 1 && guidanceScale <= 20)) throw outOfRange('guidance scale', '1 to 20', guidanceScale);
    switches.guidance = guidanceScale === 1 ? { kind: 'none' } : { ...switches.guidance, scale: guidanceScale };
  }
  return { ...manifest, family, switches };
}

const refused = (what: string) =>
  new EngineError('internal', `This pack has no ${what}. Leave the setting out, or take another pack.`);

const outOfRange = (what: string, range: string, value: number) =>
  new EngineError('internal', `The ${what} must be ${range}, not ${value}.`);
