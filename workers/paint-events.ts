/** From the pipeline's callbacks to events that cross the worker's door. Needs OffscreenCanvas. */
import { transfer } from 'comlink';
import type { JobEvents, Paint } from './pipeline/job.ts';
import type { RestoreEvent } from './protocol.ts';

/** RGBA bytes as a bitmap, made at once, so that events keep their order. */
export function toBitmap(rgba: Uint8ClampedArray, width: number, height: number): ImageBitmap {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  if (!context) throw new Error('no 2D canvas');
  context.putImageData(new ImageData(new Uint8ClampedArray(rgba), width, height), 0, 0);
  return canvas.transferToImageBitmap();
}

/** Bitmaps are moved, not copied. Nobody waits for the page's answers. */
export function jobEvents(onEvent: (event: RestoreEvent) => void): JobEvents {
  return {
    progress: (progress) => onEvent({ type: 'progress', progress }),
    paint: ({ step, x, y, w, h, width, height, rgba }: Paint) => {
      const image = toBitmap(rgba, width, height);
      onEvent(transfer({ type: 'paint', step, x, y, w, h, image }, [image]));
    },
    step: (step, steps) => onEvent({ type: 'step', step, steps }),
    notice: (code, values) => onEvent({ type: 'notice', code, values }),
  };
}
