/**
 * Ways through a photo that is too large for a heavy pack: all of it at about one megapixel, as the authors of RealRestorer do,
 * with the detail put back where nothing changed; one area of it; or, without a way, every tile at full size.
 */
import { z } from 'zod';
import type { JobEvents, JobOptions, JobResult } from './job.ts';
import type { Rect } from './latents.ts';
import type { Photo } from './photo.ts';
import { resample, toBytes } from './resample.ts';

const px = z
  .number()
  .int()
  .min(0)
  .max(1 << 17);
export const waySchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('whole') }),
  /** In px of the photo. */
  z.strictObject({ kind: z.literal('area'), x: px, y: px, width: px.min(1), height: px.min(1) }),
]);
export type Way = z.infer<typeof waySchema>;

/** Side of the square that has as many px as the model was trained on. */
const LEVEL = 1024;
/** The area's result runs into the photo over so many px at its inner edges. */
const SEAM = 32;
/** Px around an area that the model sees as well, so that its edge is not the photo's. */
const MARGIN = 64;

/**
 * Size at which a whole photo is restored, as the authors work it out (realrestorer.md E.1): its shape, about 1024² px, both
 * sides multiples of `unit`.
 */
export function wholeSize(width: number, height: number, unit: number): { width: number; height: number } {
  const ratio = width / height;
  const down = (side: number) => Math.max(unit, Math.floor(side / unit) * unit);
  if (width > height) {
    const wide = Math.ceil(Math.sqrt(LEVEL * LEVEL * ratio));
    return { width: down(wide), height: down(Math.ceil(wide / ratio)) };
  }
  const high = Math.ceil(Math.sqrt((LEVEL * LEVEL) / ratio));
  return { width: down(Math.ceil(high * ratio)), height: down(high) };
}

/** The area with its margin, inside the photo, on the grid of `unit` where the photo allows. */
export function areaRect(photo: Pick<Photo, 'width' | 'height'>, area: Rect, unit: number): Rect {
  const axis = (start: number, length: number, whole: number): [number, number] => {
    const from = Math.floor(Math.max(0, start - MARGIN) / unit) * unit;
    const to = Math.min(whole, Math.ceil((start + length + MARGIN) / unit) * unit);
    return [Math.min(from, Math.max(0, whole - unit)), Math.max(1, to)];
  };
  const [left, right] = axis(area.x, area.width, photo.width);
  const [top, bottom] = axis(area.y, area.height, photo.height);
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** What a job sees of the photo that it is given. */
export interface Seen {
  readonly photo: Photo;
  /** The tile that the way asks for; the options' own where absent. */
  readonly tile?: number;
  /** Events of the job on what it sees become events on the photo. */
  events(events: JobEvents): JobEvents;
  /** The photo with the job's result in it, 8-bit RGB. */
  finish(rgb: Uint8Array): Uint8Array;
}

/** @param unit factor × patch of the family */
export function seen(photo: Photo, way: Way | undefined, unit: number): Seen {
  if (!way) return { photo, events: (events) => events, finish: (rgb) => rgb };
  return way.kind === 'whole' ? seenWhole(photo, unit) : seenArea(photo, way, unit);
}

/** Runs `work` on what a way sees, and puts its result into the photo. */
export async function inWay<O extends Pick<JobOptions, 'events' | 'way'>>(
  photo: Photo,
  options: O,
  unit: number,
  work: (photo: Photo, options: O, tile: number | undefined) => Promise<JobResult>,
): Promise<JobResult> {
  const view = seen(photo, options.way, unit);
  const events = options.events && view.events(options.events);
  const result = await work(view.photo, { ...options, ...(events && { events }) }, view.tile);
  const { width, height } = photo;
  const kept = options.way ? { ...result.kept, way: options.way } : result.kept;
  return { ...result, width, height, rgb: view.finish(result.rgb), kept };
}

function seenWhole(photo: Photo, unit: number): Seen {
  const { width, height } = wholeSize(photo.width, photo.height, unit);
  const small = resample({ ...photo, data: photo.rgb }, width, height);
  const [scaleX, scaleY] = [photo.width / width, photo.height / height];
  return {
    photo: { width, height, rgb: toBytes(small.data) },
    tile: Math.max(width, height),
    events: (events) => ({
      ...events,
      ...(events.paint && {
        paint: (paint) =>
          events.paint?.({
            ...paint,
            x: Math.round(paint.x * scaleX),
            y: Math.round(paint.y * scaleY),
            w: Math.round((paint.x + paint.w) * scaleX) - Math.round(paint.x * scaleX),
            h: Math.round((paint.y + paint.h) * scaleY) - Math.round(paint.y * scaleY),
          }),
      }),
    }),
    finish: (rgb) => withDetail(photo, { width, height, data: small.data }, rgb),
  };
}

/** Mean change over three channels, in levels, from which on the photo's own detail is no longer believed, and up to which it is. */
const CHANGED = 24;
const UNCHANGED = 6;

/**
 * The restored picture at the photo's size. Where restoring changed little, the photo keeps its detail and gets the change
 * on top; where it changed much, the detail goes with the damage.
 *
 * @param small what was restored, 0 to 255
 * @param restored of the same size
 */
function withDetail(photo: Photo, small: { width: number; height: number; data: Float32Array }, restored: Uint8Array) {
  const { width, height } = photo;
  const { width: w, height: h } = small;
  // A photo that was enlarged has no detail that its restored picture lacks.
  if (w >= width && h >= height) return toBytes(resample({ ...small, data: restored }, width, height).data);
  const change = Float32Array.from(restored, (value, i) => value - (small.data[i] as number));
  const out = new Uint8Array(3 * width * height);
  const across = resample({ width: w, height: h, data: change }, width, h);
  const picture = resample({ width: w, height: h, data: restored }, width, h);
  const line = 3 * width;
  for (let y = 0; y < height; y++) {
    const place = Math.min(h - 1, Math.max(0, ((y + 0.5) * h) / height - 0.5));
    const [upper, share] = [Math.floor(place), place - Math.floor(place)];
    const lower = Math.min(h - 1, upper + 1);
    const between = (data: Float32Array, at: number) => {
      const a = data[upper * line + at] as number;
      return a + ((data[lower * line + at] as number) - a) * share;
    };
    for (let x = 0; x < line; x += 3) {
      let much = 0;
      for (let c = 0; c < 3; c++) much += Math.abs(between(across.data, x + c)) / 3;
      const ramp = Math.min(1, Math.max(0, (much - UNCHANGED) / (CHANGED - UNCHANGED)));
      const trust = 1 - ramp * ramp * (3 - 2 * ramp);
      for (let c = 0; c < 3; c++) {
        const detailed = (photo.rgb[y * line + x + c] as number) + between(across.data, x + c);
        const value = trust * detailed + (1 - trust) * between(picture.data, x + c);
        out[y * line + x + c] = Math.min(255, Math.max(0, Math.round(value)));
      }
    }
  }
  return out;
}

function seenArea(photo: Photo, area: Rect, unit: number): Seen {
  const rect = areaRect(photo, area, unit);
  const rgb = new Uint8Array(3 * rect.width * rect.height);
  for (let y = 0; y < rect.height; y++) {
    const from = 3 * ((rect.y + y) * photo.width + rect.x);
    rgb.set(photo.rgb.subarray(from, from + 3 * rect.width), 3 * y * rect.width);
  }
  return {
    photo: { width: rect.width, height: rect.height, rgb },
    events: (events) => ({
      ...events,
      ...(events.paint && {
        paint: (paint) => events.paint?.({ ...paint, x: paint.x + rect.x, y: paint.y + rect.y }),
      }),
    }),
    finish: (restored) => pasted(photo, rect, restored),
  };
}

/** The photo with `rect` of it replaced; at edges inside the photo the replacement fades in. */
function pasted(photo: Photo, rect: Rect, restored: Uint8Array): Uint8Array {
  const out = photo.rgb.slice();
  const fade = (at: number, length: number, start: number, whole: number) => {
    const before = start > 0 ? (at + 0.5) / SEAM : 1;
    const behind = start + length < whole ? (length - at - 0.5) / SEAM : 1;
    return Math.min(1, before, behind);
  };
  for (let y = 0; y < rect.height; y++) {
    const down = fade(y, rect.height, rect.y, photo.height);
    for (let x = 0; x < rect.width; x++) {
      const share = Math.min(down, fade(x, rect.width, rect.x, photo.width));
      const to = 3 * ((rect.y + y) * photo.width + rect.x + x);
      const from = 3 * (y * rect.width + x);
      for (let c = 0; c < 3; c++) {
        const given = out[to + c] as number;
        out[to + c] = Math.round(given + share * ((restored[from + c] as number) - given));
      }
    }
  }
  return out;
}
