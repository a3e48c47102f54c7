/** Painting on a mask: dabs of a soft round brush along the way of the pointer. */
import { type Canvas2d, canvas2d } from '../../../workers/canvas.ts';
import type { Mask } from '../../../workers/photo/blend.ts';
import { useApp } from '../../store/index.ts';
import { type Brush, lookOf } from '../../store/resultsSlice.ts';
import { fitInto, type Size } from '../compare/geometry.ts';
import { drawLook, maskCanvas, tellNoCanvas } from './look.ts';

/** Edges of a restoration are soft anyway: more cells than this would not be seen. */
const MASK_SIDE = 1024;
/** Dabs follow each other at this share of the radius. */
const SPACING = 0.25;
/** The mask is read back after every stroke. */
const OFTEN = { willReadFrequently: true };

/** A place on the photo in its px, and how hard the pen is pressed, 0 to 1. */
export interface Touch {
  x: number;
  y: number;
  pressure: number;
}

/** One stroke, from pen down to pen up. */
export class Stroke {
  readonly #context: Canvas2d;
  readonly #scale: number;
  readonly #radius: number;
  readonly #soft: number;
  #last: Touch | null = null;

  private constructor(context: Canvas2d, scale: number, radius: number, soft: number) {
    this.#context = context;
    this.#scale = scale;
    this.#radius = radius;
    this.#soft = soft;
  }

  /** @param radius in photo px @returns null where the browser gives no canvas to paint on */
  static begin(photo: Size, mask: Mask | null, brush: Brush, radius: number): Stroke | null {
    const size = mask ?? fitInto(photo, MASK_SIDE);
    const context = mask ? maskCanvas(mask, OFTEN) : canvas2d(size.width, size.height, OFTEN);
    if (!context) return null;
    // Painting on a photo without a mask says where; erasing on one says where not.
    if (!mask && brush.erase) context.fillRect(0, 0, size.width, size.height);
    context.globalCompositeOperation = brush.erase ? 'destination-out' : 'source-over';
    return new Stroke(context, size.width / photo.width, radius, brush.soft);
  }

  to(touch: Touch): void {
    const from = this.#last ?? touch;
    const distance = Math.hypot(touch.x - from.x, touch.y - from.y);
    const count = this.#last ? Math.ceil(distance / Math.max(1, this.#radius * SPACING)) : 1;
    for (let i = 1; i <= count; i++) {
      const share = i / count;
      const mix = (a: number, b: number) => a + (b - a) * share;
      this.#dab(mix(from.x, touch.x), mix(from.y, touch.y), mix(from.pressure, touch.pressure));
    }
    if (count > 0) this.#last = touch;
    drawLook(this.#context.canvas);
  }

  /** The mask with the stroke in it. */
  end(): Mask {
    const { width, height } = this.#context.canvas;
    const pixels = this.#context.getImageData(0, 0, width, height).data;
    return { width, height, data: Uint8Array.from({ length: width * height }, (_, i) => pixels[4 * i + 3] as number) };
  }

  #dab(x: number, y: number, pressure: number): void {
    const context = this.#context;
    const radius = Math.max(0.5, this.#radius * this.#scale * pressure);
    const [cx, cy] = [x * this.#scale, y * this.#scale];
    const fade = context.createRadialGradient(cx, cy, radius * (1 - this.#soft), cx, cy, radius);
    fade.addColorStop(0, '#000');
    fade.addColorStop(1, this.#soft > 0 ? 'transparent' : '#000');
    context.fillStyle = fade;
    context.beginPath();
    context.arc(cx, cy, radius, 0, 2 * Math.PI);
    context.fill();
  }
}

/** A new stroke on the current result's mask; null while there is nothing to paint on, which is told where it should be there. */
export function beginStroke(scale: number): Stroke | null {
  const state = useApp.getState();
  const { photo, brush } = state;
  if (!photo || !brush) return null;
  const stroke = Stroke.begin(photo.info, lookOf(state).mask, brush, brush.size / 2 / scale);
  if (!stroke) tellNoCanvas();
  return stroke;
}
