/** A bundle's own tokenizer.json, by Hugging Face's library: loaded only when somebody writes a prompt of their own. */
import { EngineError } from '../errors.ts';
import type { Manifest } from '../packs/manifest.ts';
import { encoderOf } from '../pipeline/qwen/choices.ts';
import { ownPromptIds } from '../pipeline/qwen/own-prompt.ts';

/** A vocabulary of 151,643 tokens with its merges has about 7 MB. */
const MOST_BYTES = 32 * 1024 * 1024;

/**
 * Token ids of a prompt for this pack.
 *
 * @param file reads a file of the pack, verified
 * @throws EngineError 'internal' with a sentence where the pack takes no prompts, 'pack-damaged' for a broken tokenizer
 */
export async function tokenizePrompt(
  manifest: Manifest,
  prompt: string,
  file: (name: string) => Promise<Uint8Array>,
): Promise<number[]> {
  const name = encoderOf(manifest)?.tokenizer ?? null;
  if (name === null) {
    throw new EngineError('internal', 'This pack knows the prompts of its tasks only. Leave the own prompt out.');
  }
  return ownPromptIds(prompt.trim(), await readTokenizer(name, await file(name)));
}

/**
 * @param name for the message
 * @throws EngineError 'pack-damaged'
 */
export async function readTokenizer(name: string, bytes: Uint8Array): Promise<(text: string) => number[]> {
  if (bytes.byteLength > MOST_BYTES) throw new EngineError('pack-damaged', `${name} has ${bytes.byteLength} bytes`);
  const { Tokenizer } = await import('@huggingface/tokenizers');
  try {
    const json: object = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    const tokenizer = new Tokenizer(json, {});
    const encode = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids;
    if (!encode('a').every(Number.isInteger)) throw new Error('no ids');
    return encode;
  } catch (cause) {
    throw new EngineError('pack-damaged', `${name}: ${cause instanceof Error ? cause.message : cause}`);
  }
}
