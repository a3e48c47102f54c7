/** What a job may choose about the language model's part: words, and the image that it sees. */
import { EngineError } from '../../errors.ts';
import type { Manifest, TaskId } from '../../packs/manifest.ts';
import type { EncoderSpec } from '../../packs/manifest-encoder.ts';
import type { Rgb8 } from './resize.ts';

export const LANGUAGES = ['en', 'zh'] as const;
export type PromptLanguage = (typeof LANGUAGES)[number];

/** The photo, even grey in its place, or the photo with a quarter of the pixels (realrestorer.md J.5). */
export const SEEN = ['photo', 'grey', 'small'] as const;
export type Seen = (typeof SEEN)[number];

export interface ReadOptions {
  /** Language of the task's prompt; English where absent, as the model was trained. */
  readonly promptLanguage?: PromptLanguage;
  /** Token ids of a prompt of people's own in place of the task's: packs built with `--prompts any`. */
  readonly promptIds?: readonly number[];
  readonly seen?: Seen;
}

/** Tokens that a prompt may have: with the image and what surrounds them they stay under the rows that the DiT takes. */
export const MOST_PROMPT_TOKENS = 200;

/** The encoder of a pack that reads photos; null for others. */
export function encoderOf({ switches: { conditioning } }: Pick<Manifest, 'switches'>): EncoderSpec | null {
  return conditioning.kind === 'qwen2.5-vl' ? (conditioning.encoder ?? null) : null;
}

/** Token ids of the words of the job's prompt. @throws EngineError 'internal' with a sentence for a prompt that can't be taken */
export function promptIds(encoder: EncoderSpec, task: TaskId, options: ReadOptions): readonly number[] {
  const own = options.promptIds;
  if (own !== undefined) {
    if (encoder.embedding.ids !== null) {
      throw new EngineError('internal', 'This pack knows the prompts of its tasks only. Leave the own prompt out.');
    }
    if (own.length > MOST_PROMPT_TOKENS) {
      throw new EngineError('internal', `The prompt has ${own.length} tokens; at most ${MOST_PROMPT_TOKENS} fit.`);
    }
    return own;
  }
  const prompt = encoder.prompts[task];
  if (!prompt) throw new EngineError('internal', `the pack has no prompt for ${task}`);
  return prompt[options.promptLanguage ?? 'en'];
}

const GREY = 128;

/** What the model is shown in place of the photo, with its sizes. */
export function seenOf(encoder: EncoderSpec, photo: Rgb8, seen: Seen = 'photo'): { photo: Rgb8; encoder: EncoderSpec } {
  if (seen === 'grey') {
    const { width, height } = photo;
    return { photo: { width, height, rgb: new Uint8Array(3 * width * height).fill(GREY) }, encoder };
  }
  if (seen === 'photo') return { photo, encoder };
  const maxPixels = Math.floor(encoder.image.maxPixels / 4);
  const image = { ...encoder.image, maxPixels, minPixels: Math.min(encoder.image.minPixels, maxPixels) };
  return { photo, encoder: { ...encoder, image } };
}
