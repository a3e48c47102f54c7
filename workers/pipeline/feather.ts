/** Blending of overlapping tiles with separable weights that sum to 1 (`featherWeights`). */
import { EngineError } from '../errors.ts';
import type { Latents } from './latents.ts';
import { featherWeights, type Tile, type TilePlan } from './tiles.ts';

export interface FeatherGrid {
  /** Weights by tile column and by tile row. */
  readonly x: readonly Float32Array[];
  readonly y: readonly Float32Array[];
  /** Cells a px. */
  readonly scale: number;
}

/** @param scale cells a px: 1 for pixels, 1/factor for latents */
export function featherGrid(plan: TilePlan, scale: number): FeatherGrid {
  return { x: featherWeights(plan.x, scale), y: featherWeights(plan.y, scale), scale };
}

function weightsOf(grid: FeatherGrid, tile: Tile): { x: Float32Array; y: Float32Array } {
  const x = grid.x[tile.column];
  const y = grid.y[tile.row];
  if (!x || !y) throw new RangeError(`tile ${tile.index} is not of this grid`);
  return { x, y };
}

/** Adds weight × value of a tile's latents to the whole photo's. Once every tile is in, `whole` holds the average. */
export function addTile(whole: Latents, grid: FeatherGrid, tile: Tile, values: Latents): void {
  const weights = weightsOf(grid, tile);
  const left = tile.x * grid.scale;
  const top = tile.y * grid.scale;
  for (let c = 0; c < values.channels; c++) {
    for (let y = 0; y < values.height; y++) {
      const from = (c * values.height + y) * values.width;
      const to = (c * whole.height + top + y) * whole.width + left;
      const weightY = weights.y[y] as number;
      for (let x = 0; x < values.width; x++) {
        const weight = weightY * (weights.x[x] as number);
        whole.data[to + x] = (whole.data[to + x] as number) + weight * (values.data[from + x] as number);
      }
    }
  }
}

/**
 * Blends decoded tiles into an 8-bit RGB image without a float image of the whole photo. Tiles come row by row; the
 * blend of one tile row is held as unsigned 8.8 fixed point (6 bytes a px of that row: a contribution is rounded to
 * 1/256 of a level), and lines that no later row touches are rounded into the image at once.
 */
export class StripBlender {
  readonly rgb: Uint8Array;
  readonly #plan: TilePlan;
  readonly #grid: FeatherGrid;
  /** Lines of the photo from `#top` on, `width · 3` values each. */
  readonly #strip: Uint16Array;
  #top = 0;
  #next = 0;

  constructor(plan: TilePlan) {
    this.#plan = plan;
    this.#grid = featherGrid(plan, 1);
    this.#strip = new Uint16Array(plan.width * 3 * plan.y.size);
    this.rgb = new Uint8Array(plan.width * plan.height * 3);
  }

  /**
   * @param tile the next tile in the plan's order
   * @param pixels float32 `[3, tile.height, tile.width]` in [-1,1]; values beyond are clamped
   * @throws EngineError 'bad-numbers' when a value is not finite
   */
  add(tile: Tile, pixels: Float32Array): void {
    if (tile.index !== this.#next) throw new RangeError(`tile ${tile.index} came instead of ${this.#next}`);
    if (tile.y > this.#top) this.#flush(tile.y);
    this.#next++;
    const { width, height } = this.#plan;
    const weights = weightsOf(this.#grid, tile);
    const plane = tile.width * tile.height;
    const columns = Math.min(tile.width, width - tile.x);
    const lines = Math.min(tile.height, height - tile.y);
    for (let c = 0; c < 3; c++) {
      for (let y = 0; y < lines; y++) {
        const weightY = (weights.y[y] as number) * 256;
        let to = ((tile.y - this.#top + y) * width + tile.x) * 3 + c;
        const from = c * plane + y * tile.width;
        for (let x = 0; x < columns; x++, to += 3) {
          const value = pixels[from + x] as number;
          // NaN fails both comparisons and infinities are beyond any image: 1e6 is far outside what a decoder gives.
          if (!(value > -1e6 && value < 1e6)) throw new EngineError('bad-numbers', 'decoded pixels are not finite');
          const level = value <= -1 ? 0 : value >= 1 ? 255 : value * 127.5 + 127.5;
          const weight = weightY * (weights.x[x] as number);
          this.#strip[to] = (this.#strip[to] as number) + Math.round(level * weight);
        }
      }
    }
    if (this.#next === this.#plan.tiles.length) this.#flush(height);
  }

  /** Rounds lines `#top` to `until` into the image and moves the rest of the strip up. */
  #flush(until: number): void {
    const stride = this.#plan.width * 3;
    const values = (Math.min(until, this.#plan.height) - this.#top) * stride;
    const at = this.#top * stride;
    for (let i = 0; i < values; i++) this.rgb[at + i] = Math.min(255, ((this.#strip[i] as number) + 128) >> 8);
    this.#strip.copyWithin(0, values);
    this.#strip.fill(0, this.#strip.length - values);
    this.#top = until;
  }
}
