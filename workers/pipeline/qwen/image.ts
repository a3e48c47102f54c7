/** The photo as the language model gets it (realrestorer.md D.3, E.1): sizes, and the patches in the order of its windows. */
import { type Rgb8, resize } from './resize.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** What the model's image processor was set to. */
export interface ImageSpec {
  /** The working image has the area of a square of this side. */
  readonly level: number;
  /** px a patch and patches a group along one axis. */
  readonly patch: number;
  readonly merge: number;
  readonly minPixels: number;
  readonly maxPixels: number;
  /** Of R, G and B in 0 to 1. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** The working image's sides are multiples of this. */
const WORKING_UNIT = 16;

/**
 * Size of RealRestorer's working image: the photo's aspect, the area of a square of `level`, both sides multiples of 16
 * (realrestorer.md E.1).
 */
export function workingSize({ width, height }: Size, level: number): Size {
  const ratio = width / height;
  const down = (side: number) => Math.max(WORKING_UNIT, Math.floor(side / WORKING_UNIT) * WORKING_UNIT);
  if (width > height) {
    const w = Math.ceil(Math.sqrt(level * level * ratio));
    return { width: down(w), height: down(Math.ceil(w / ratio)) };
  }
  const h = Math.ceil(Math.sqrt((level * level) / ratio));
  return { width: down(Math.ceil(h * ratio)), height: down(h) };
}

/** To the nearest whole number, halves to the even one, as Python rounds. */
function roundHalfEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

const nearest = (side: number, unit: number) => Math.max(unit, roundHalfEven(side / unit) * unit);

/** Both sides to the nearest multiple of `unit`. */
export function roundedSize({ width, height }: Size, unit: number): Size {
  return { width: nearest(width, unit), height: nearest(height, unit) };
}

/** Size that Qwen2-VL's processor gives an image: multiples of `unit`, the area within the limits, the aspect kept. */
export function processorSize(size: Size, unit: number, minPixels: number, maxPixels: number): Size {
  const { width, height } = size;
  const rounded = roundedSize(size, unit);
  const area = rounded.width * rounded.height;
  if (area > maxPixels) {
    const shrink = Math.sqrt((width * height) / maxPixels);
    const down = (side: number) => Math.max(unit, Math.floor(side / shrink / unit) * unit);
    return { width: down(width), height: down(height) };
  }
  if (area < minPixels) {
    const grow = Math.sqrt(minPixels / (width * height));
    const up = (side: number) => Math.ceil((side * grow) / unit) * unit;
    return { width: up(width), height: up(height) };
  }
  return rounded;
}

/** Size of the image that the model sees of a photo. */
export function seenSize(photo: Size, spec: ImageSpec): Size {
  const unit = spec.patch * spec.merge;
  return processorSize(roundedSize(workingSize(photo, spec.level), unit), unit, spec.minPixels, spec.maxPixels);
}

/** The photo at that size, by the same three resizes as the authors' pipeline. */
export function seenImage(photo: Rgb8, spec: ImageSpec): Rgb8 {
  const working = workingSize(photo, spec.level);
  const rounded = roundedSize(working, spec.patch * spec.merge);
  const seen = seenSize(photo, spec);
  const image = resize(photo, working.width, working.height, 'lanczos');
  return resize(resize(image, rounded.width, rounded.height, 'bicubic'), seen.width, seen.height, 'bicubic');
}

/** Groups of `merge`² patches, as rows and columns. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

export function gridOf({ width, height }: Size, { patch, merge }: Pick<ImageSpec, 'patch' | 'merge'>): Grid {
  return { rows: height / (patch * merge), columns: width / (patch * merge) };
}

/** Frames that a still image is doubled to. */
const FRAMES = 2;

/**
 * Values of the patches, group by group in the given order, the patches of a group row by row.
 *
 * @param order groups, row-major indices; its length is the grid's
 * @returns float32 `[groups · merge², 3 · 2 · patch²]`, features ordered (channel, frame, y, x)
 */
export function patchValues(image: Rgb8, spec: ImageSpec, order: ArrayLike<number>): Float32Array {
  const { patch, merge, mean, std } = spec;
  const { columns } = gridOf(image, spec);
  const area = patch * patch;
  const features = 3 * FRAMES * area;
  const out = new Float32Array(order.length * merge * merge * features);
  // Every level of every channel, normalised once.
  const levels = [0, 1, 2].map((c) =>
    Float32Array.from({ length: 256 }, (_, level) => (level / 255 - (mean[c] ?? 0)) / (std[c] ?? 1)),
  );
  let to = 0;
  for (let at = 0; at < order.length; at++) {
    const group = order[at] as number;
    const top = Math.floor(group / columns) * merge;
    const left = (group % columns) * merge;
    for (let part = 0; part < merge * merge; part++, to += features) {
      const y0 = (top + Math.floor(part / merge)) * patch;
      const x0 = (left + (part % merge)) * patch;
      for (let c = 0; c < 3; c++) {
        const table = levels[c] as Float32Array;
        const first = to + c * FRAMES * area;
        for (let y = 0; y < patch; y++) {
          let from = 3 * ((y0 + y) * image.width + x0) + c;
          for (let x = 0; x < patch; x++, from += 3) {
            out[first + y * patch + x] = table[image.rgb[from] as number] as number;
          }
        }
        out.copyWithin(first + area, first, first + area);
      }
    }
  }
  return out;
}
