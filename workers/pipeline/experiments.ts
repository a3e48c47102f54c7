/** What of a pack's open questions a job can try (docs/open-questions.md): read off the manifest. */
import type { Manifest } from '../packs/manifest.ts';
import { encoderOf } from './qwen/choices.ts';
import { hasPosterior } from './switches.ts';

/** How a pack makes its conditioning. */
export type Conditions =
  /** A language model reads the photo with the prompt. */
  | 'read'
  /** The same model read a neutral image when the pack was made: an approximation. */
  | 'baked'
  /** A small network that sees a copy of the photo. */
  | 'table';

export interface Experiments {
  /** The pack's own RoPE id of the reference tokens. */
  readonly referenceId?: number;
  /** Guidance can be turned off. */
  readonly guidance?: true;
  /** Latents can be drawn instead of taking their mean. */
  readonly posterior?: true;
  /** Another image, or the other language, for the language model. */
  readonly seen?: true;
  /** A prompt of people's own. */
  readonly prompt?: true;
}

export function conditionsOf({ switches: { conditioning } }: Pick<Manifest, 'switches'>): Conditions {
  if (conditioning.kind === 'table') return 'table';
  return conditioning.encoder ? 'read' : 'baked';
}

export function experimentsOf(manifest: Manifest): Experiments {
  const { reference, guidance } = manifest.switches;
  const encoder = encoderOf(manifest);
  return {
    ...(reference.kind === 'tokens' && { referenceId: reference.axis0 }),
    ...(guidance.kind === 'cfg' && { guidance: true }),
    ...(hasPosterior(manifest) && { posterior: true }),
    ...(encoder && { seen: true }),
    ...(encoder && encoder.tokenizer !== null && { prompt: true }),
  };
}
