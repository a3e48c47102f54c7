/** What of a pack's open questions a job can try (docs/open-questions.md): read off the manifest. */
import { z } from 'zod';
import type { Manifest } from '../packs/manifest.ts';
import { encoderOf, LANGUAGES, SEEN } from './qwen/choices.ts';
import { hasPosterior, POSTERIORS } from './switches.ts';

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

/** Characters of a prompt of people's own. */
export const MOST_PROMPT = 1000;

/** What a job tried in place of the pack's own values, as checkpoints and the recipes of saved photos hold it. */
export const triedSchema = z.strictObject({
  referenceId: z.number().exactOptional(),
  guidanceScale: z.number().exactOptional(),
  posterior: z.enum(POSTERIORS).exactOptional(),
  seen: z.enum(SEEN).exactOptional(),
  promptLanguage: z.enum(LANGUAGES).exactOptional(),
  prompt: z.string().max(MOST_PROMPT).exactOptional(),
});
export type Tried = z.infer<typeof triedSchema>;

/** The experiments of a request that asks for more than these; null where it has none. */
export function triedIn(request: Tried): Tried | null {
  const names: readonly string[] = triedSchema.keyof().options;
  const own = Object.entries(request).filter(([name, value]) => names.includes(name) && value !== undefined);
  return own.length === 0 ? null : triedSchema.parse(Object.fromEntries(own));
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
