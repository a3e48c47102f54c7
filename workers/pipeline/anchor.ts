/**
 * Brightness and colour of large areas, taken from one look at the whole photo.
 *
 * Haze and darkness are judged by what a tile shows, and neighbours that show other things are judged differently. So the
 * photo is restored once, reduced to one small tile, and every tile's low frequencies are moved to those of that picture;
 * what is finer stays the tile's own. Tiles then agree where they meet. Pure.
 */
import type { Manifest, TaskId } from '../packs/manifest.ts';
import { areas } from './areas.ts';
import type { Rect } from './latents.ts';
import type { Photo } from './photo.ts';

export interface Anchor {
  /** The restored photo, small. */
  readonly picture: Photo;
  /** Of the Gaussian that separates low from high, in px of `picture`. */
  readonly sigma: number;
  /** Of the way to `picture` that a tile goes, above 0 to 1; all of it where absent. */
  readonly share?: number;
  /** px of the photo. */
  readonly width: number;
  readonly height: number;
}

/** Size of the small picture; null where the pack or the task asks for none, or the photo is no larger than that. */
export function anchorSize(
  { anchor }: Pick<Manifest, 'anchor'>,
  task: TaskId,
  { width, height }: Pick<Photo, 'width' | 'height'>,
): { width: number; height: number } | null {
  const long = Math.max(width, height);
  if (!anchor?.tasks.includes(task) || long <= anchor.side) return null;
  const scaled = (side: number) => Math.max(1, Math.round((side * anchor.side) / long));
  return { width: scaled(width), height: scaled(height) };
}

/**
 * Moves the low frequencies of a tile, in place. They are compared on a grid of about the small picture's px. Twice: what a
 * move drives beyond white or black is lost to the first one.
 *
 * @param pixels float32 `[3, tile.height, tile.width]`, about [-1,1]
 * @param tile place in the photo; may reach beyond its right and bottom edges
 */
export function holdTo(anchor: Anchor, pixels: Float32Array, tile: Rect): void {
  const across = cellsOf(tile.x, tile.width, anchor.width, anchor.picture.width);
  const down = cellsOf(tile.y, tile.height, anchor.height, anchor.picture.height);
  const grid = { columns: across.count, rows: down.count };
  // Two such moves, the second of what is left then, go the whole share.
  const step = 1 - Math.sqrt(1 - (anchor.share ?? 1));
  for (let c = 0; c < 3; c++) {
    const plane = pixels.subarray(c * tile.width * tile.height, (c + 1) * tile.width * tile.height);
    for (let time = 0; time < 2; time++) {
      clamp(plane);
      const moved = difference(anchor.picture, c, plane, tile.width, across, down);
      blur(moved, grid.columns, grid.rows, 1, anchor.sigma);
      blur(moved, grid.rows, grid.columns, grid.columns, anchor.sigma);
      if (step < 1) for (let i = 0; i < moved.length; i++) moved[i] = step * (moved[i] as number);
      addEnlarged(plane, tile, moved, grid);
    }
  }
}

/** To black and white, as the picture will be: what lies beyond would count for the mean and not be seen. */
function clamp(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i] = Math.min(1, Math.max(-1, values[i] as number));
}

interface Cells {
  readonly count: number;
  readonly areas: ReturnType<typeof areas>;
  /** Where the middles of the cells are in the small picture. */
  readonly places: readonly Place[];
}

/** Between samples `low` and `high`: the share of the second. */
interface Place {
  readonly low: number;
  readonly high: number;
  readonly share: number;
}

/** Position `at` among `length` samples whose middles are at .5, 1.5 and so on; held at the ends. */
function placeAt(at: number, length: number): Place {
  const held = Math.min(length - 1, Math.max(0, at - 0.5));
  const low = Math.floor(held);
  return { low, high: Math.min(length - 1, low + 1), share: held - low };
}

function cellsOf(start: number, length: number, photo: number, small: number): Cells {
  const count = Math.max(1, Math.round((length * small) / photo));
  const middle = (i: number) => ((start + ((i + 0.5) * length) / count) * small) / photo;
  return {
    count,
    areas: areas(length, count),
    places: Array.from({ length: count }, (_, i) => placeAt(middle(i), small)),
  };
}

/** What the small picture has and the tile has not, a value a cell, in the tile's range. */
function difference(
  { rgb, width }: Photo,
  channel: number,
  plane: Float32Array,
  tileWidth: number,
  across: Cells,
  down: Cells,
): Float32Array {
  const out = new Float32Array(across.count * down.count);
  const sample = (row: number, column: number) => (rgb[3 * (row * width + column) + channel] as number) / 127.5 - 1;
  down.areas.forEach((area, row) => {
    const { low, high, share } = down.places[row] as Place;
    across.places.forEach((place, column) => {
      const line = (at: number) => mix(sample(at, place.low), sample(at, place.high), place.share);
      out[row * across.count + column] = mix(line(low), line(high), share);
    });
    area.shares.forEach((part, k) => {
      const from = (area.first + k) * tileWidth;
      across.areas.forEach(({ first, shares }, column) => {
        let sum = 0;
        for (let j = 0; j < shares.length; j++) sum += (shares[j] as number) * (plane[from + first + j] as number);
        const at = row * across.count + column;
        out[at] = (out[at] as number) - part * sum;
      });
    });
  });
  return out;
}

/** Gaussian along lines, in place; its weights end at 3 sigma and at the edges, and add up to 1 everywhere. */
function blur(values: Float32Array, length: number, lines: number, step: number, sigma: number): void {
  const reach = Math.min(length - 1, Math.ceil(3 * sigma));
  const weights = Float64Array.from({ length: reach + 1 }, (_, d) => Math.exp(-(d * d) / (2 * sigma * sigma)));
  const line = new Float64Array(length);
  for (let n = 0; n < lines; n++) {
    const start = step === 1 ? n * length : n;
    for (let i = 0; i < length; i++) line[i] = values[start + i * step] as number;
    for (let i = 0; i < length; i++) {
      let [sum, total] = [0, 0];
      for (let k = Math.max(0, i - reach); k <= Math.min(length - 1, i + reach); k++) {
        const weight = weights[Math.abs(k - i)] as number;
        sum += weight * (line[k] as number);
        total += weight;
      }
      values[start + i * step] = sum / total;
    }
  }
}

/** Adds the grid to the plane, enlarged between the middles of its cells. */
function addEnlarged(
  plane: Float32Array,
  { width, height }: Rect,
  grid: Float32Array,
  { columns, rows }: { columns: number; rows: number },
) {
  const across = Array.from({ length: width }, (_, x) => placeAt(((x + 0.5) * columns) / width, columns));
  const line = new Float64Array(columns);
  for (let y = 0; y < height; y++) {
    const { low, high, share } = placeAt(((y + 0.5) * rows) / height, rows);
    for (let column = 0; column < columns; column++) {
      line[column] = mix(grid[low * columns + column] as number, grid[high * columns + column] as number, share);
    }
    for (let x = 0; x < width; x++) {
      const place = across[x] as Place;
      const moved = mix(line[place.low] as number, line[place.high] as number, place.share);
      plane[y * width + x] = (plane[y * width + x] as number) + moved;
    }
  }
}

const mix = (a: number, b: number, share: number) => a + (b - a) * share;
