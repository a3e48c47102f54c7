import type { Manifest } from '../packs/manifest.ts';

/** Token counts of one tile. */
export interface TokenCounts {
  /** Rows and columns of the token grid. */
  readonly rows: number;
  readonly columns: number;
  /** Target tokens G: what the model moves. */
  readonly target: number;
  /** All image tokens n: G (`channels`) or 2G (`tokens`). */
  readonly image: number;
  /** Text tokens K that attention sees, padding included. */
  readonly text: number;
}

/**
 * @param width tile width in px, a multiple of factor × patch
 * @param height tile height in px, likewise
 */
export function countTokens(manifest: Manifest, width: number, height: number): TokenCounts {
  const unit = manifest.family.factor * manifest.family.patch;
  const rows = height / unit;
  const columns = width / unit;
  const target = rows * columns;
  const copies = manifest.switches.reference.kind === 'tokens' ? 2 : 1;
  return { rows, columns, target, image: copies * target, text: manifest.family.contextTokens };
}
