/**
 * Padded text: rows of the padding are equal through the whole transformer (realrestorer.md I.1), so one row is computed
 * for all of them, and the blocks count its keys and values as often as the reference does.
 */
import type { Manifest } from '../packs/manifest.ts';
import { blockInstances, graphOf } from './plan.ts';

export interface TextRows {
  /** Rows that are computed: the valid ones, and one for the padding where there is any. */
  readonly count: number;
  /** int32 `[K]`, the blocks' input `text_rows`: the row of each of the K text tokens. */
  readonly index: Int32Array;
}

/**
 * @param tokens K, text tokens of the reference with its padding
 * @param valid tokens that are not padding, 1 to `tokens`
 */
export function mergePadding(tokens: number, valid: number): TextRows {
  return {
    count: Math.min(tokens, valid + 1),
    index: Int32Array.from({ length: tokens }, (_, token) => Math.min(token, valid)),
  };
}

/** Whether the blocks of a pack repeat rows by `text_rows`; else text comes with every row of its padding. */
export function repeatsTextRows(manifest: Manifest): boolean {
  const blocks = blockInstances(manifest);
  return (
    blocks.length > 0 &&
    blocks.every((id) => manifest.graphs[graphOf(manifest, id)]?.inputs.some(({ name }) => name === 'text_rows'))
  );
}
