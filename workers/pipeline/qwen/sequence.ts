/**
 * The tokens that the language model gets behind its constant prefix: the image and what closes it, seen by all prompts, and
 * then the tail of every prompt. One call serves all prompts: no tail sees another one's tokens, and each counts its
 * positions on from the image (realrestorer.md D.6, I.5).
 */
import type { Grid } from './image.ts';
import { imagePositions, type Position, textPosition } from './positions.ts';

export interface SequenceSpec {
  /** Tokens of the prefix, which every token sees. */
  readonly prefix: number;
  /** Token ids right behind the image, and behind the prompt. */
  readonly closeImage: readonly number[];
  readonly closePrompt: readonly number[];
}

export interface Sequence {
  /** Tokens of the image, which come first. */
  readonly image: number;
  /** Ids of the tokens behind the image, all tails one after the other. */
  readonly ids: readonly number[];
  readonly positions: readonly Position[];
  /** Rows of the states that belong to each prompt, behind those of the prefix. */
  readonly rows: readonly (readonly number[])[];
  /** float32 `[1, 1, T, prefix + T]`, added to the logits: 0 where a token is seen, else -1e9. */
  readonly bias: Float32Array;
}

/** @param prompts token ids of the prompts' own words; [] for the empty prompt */
export function sequenceOf(grid: Grid, prompts: readonly (readonly number[])[], spec: SequenceSpec): Sequence {
  const { positions: seen, after } = imagePositions(grid, spec.prefix);
  const image = seen.length;
  const shared = image + spec.closeImage.length;
  const positions: Position[] = [...seen, ...spec.closeImage.map((_, i) => textPosition(after + i))];
  const ids = [...spec.closeImage];
  const common = Array.from({ length: shared }, (_, i) => i);
  const rows: number[][] = [];
  const starts: number[] = [];
  for (const prompt of prompts) {
    const tail = [...prompt, ...spec.closePrompt];
    const start = positions.length;
    rows.push([...common, ...tail.map((_, i) => start + i)]);
    starts.push(start);
    ids.push(...tail);
    positions.push(...tail.map((_, i) => textPosition(after + spec.closeImage.length + i)));
  }
  return { image, ids, positions, rows, bias: biasOf(positions.length, shared, starts, spec.prefix) };
}

/** Every token sees the prefix, the shared tokens up to itself, and its own tail up to itself. */
function biasOf(tokens: number, shared: number, starts: readonly number[], prefix: number): Float32Array {
  const keys = prefix + tokens;
  const bias = new Float32Array(tokens * keys).fill(-1e9);
  let start = shared;
  for (let token = 0; token < tokens; token++) {
    if (starts.includes(token)) start = token;
    const line = token * keys;
    const common = Math.min(token + 1, shared);
    bias.fill(0, line, line + prefix + common);
    if (token >= shared) bias.fill(0, line + prefix + start, line + prefix + token + 1);
  }
  return bias;
}
