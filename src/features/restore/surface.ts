/**
 * The canvas that a job paints on. Bitmaps come ready from the worker, so a paint is one drawImage; React only
 * places the canvas and never redraws it.
 */
import { type Canvas2d, canvas2d } from '../../../workers/canvas.ts';
import { fitInto, type Size } from '../compare/geometry.ts';

/** Screens show no more; the photo itself stays at its own size in the worker. */
const VIEW_MAX = 4096;
/** All frames of a film strip together, in bytes. */
const FRAMES_BYTES = 96 * 2 ** 20;
const FRAME_MAX = 1600;

/** The longest side worth asking the worker for: twice the screen leaves room to zoom. */
export function viewSide(): number {
  const screenSide = Math.max(screen.width, screen.height) * devicePixelRatio;
  return Math.min(VIEW_MAX, Math.max(1280, Math.round(screenSide * 2)));
}

let canvas: HTMLCanvasElement | null = null;
let photo: Size = { width: 1, height: 1 };

/** Called by the stage when its canvas comes or goes. */
export function attach(element: HTMLCanvasElement | null): void {
  canvas = element;
}

/** Shows a whole picture of a photo of `size` px. */
export function showPicture(image: ImageBitmap, size: Size): void {
  photo = size;
  if (!canvas) return;
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  canvas.getContext('2d')?.drawImage(image, 0, 0);
}

/** Draws a tile at its place, given in photo px, and lets the bitmap go. */
export function paintTile(image: ImageBitmap, x: number, y: number, w: number, h: number): void {
  const context = canvas?.getContext('2d');
  if (canvas && context) {
    const scaleX = canvas.width / photo.width;
    const scaleY = canvas.height / photo.height;
    // Whole px, or neighbours would show a hairline of what was there before.
    const left = Math.floor(x * scaleX);
    const top = Math.floor(y * scaleY);
    context.drawImage(image, left, top, Math.ceil((x + w) * scaleX) - left, Math.ceil((y + h) * scaleY) - top);
  }
  image.close();
}

/** A copy of the canvas for the film strip, small enough that all `steps` of them fit the budget; null where none can be had. */
export function captureFrame(steps: number): ImageBitmap | null {
  if (!canvas) return null;
  const side = Math.min(FRAME_MAX, Math.sqrt(FRAMES_BYTES / (4 * Math.max(1, steps))));
  const size = fitInto(canvas, side);
  const copy = canvas2d(size.width, size.height);
  copy?.drawImage(canvas, 0, 0, size.width, size.height);
  return copy?.canvas.transferToImageBitmap() ?? null;
}

/**
 * `below` with a share of `restored` on it, where the alpha of `mask` lets it (everywhere without one).
 *
 * @returns false where the browser gave no canvas to cut it out on: then `below` is all that is seen
 */
export function showBlend(
  below: ImageBitmap,
  restored: ImageBitmap,
  strength: number,
  mask: OffscreenCanvas | null,
  size: Size,
): boolean {
  showPicture(below, size);
  const context = canvas?.getContext('2d');
  if (!canvas || !context) return true;
  const layer = mask ? cutOut(restored, mask) : restored;
  if (!layer) return false;
  context.globalAlpha = strength;
  context.drawImage(layer, 0, 0, canvas.width, canvas.height);
  context.globalAlpha = 1;
  return true;
}

let scratch: Canvas2d | null = null;

function cutOut(image: ImageBitmap, mask: OffscreenCanvas): OffscreenCanvas | null {
  if (scratch?.canvas.width !== image.width || scratch.canvas.height !== image.height) {
    scratch = canvas2d(image.width, image.height);
  }
  if (!scratch) return null;
  scratch.globalCompositeOperation = 'copy';
  scratch.drawImage(mask, 0, 0, image.width, image.height);
  scratch.globalCompositeOperation = 'source-in';
  scratch.drawImage(image, 0, 0);
  return scratch.canvas;
}
