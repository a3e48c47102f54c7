/** From the pipeline's callbacks to events that cross the worker's door. Needs OffscreenCanvas. */
import { transfer } from 'comlink';
import { needCanvas2d } from './canvas.ts';
import { EngineError } from './errors.ts';
import type { JobEvents, Paint } from './pipeline/job.ts';
import type { RestoreEvent } from './protocol.ts';

/** RGBA bytes as a bitmap, made at once, so that events keep their order. @throws EngineError 'no-canvas' */
export function toBitmap(rgba: Uint8ClampedArray, width: number, height: number): ImageBitmap {
  const context = needCanvas2d(width, height);
  context.putImageData(new ImageData(new Uint8ClampedArray(rgba), width, height), 0, 0);
  return context.canvas.transferToImageBitmap();
}

/** Null where there is no canvas just now: a job of many minutes must not end for a preview. */
function preview(...picture: Parameters<typeof toBitmap>): ImageBitmap | null {
  try {
    return toBitmap(...picture);
  } catch (error) {
    if (error instanceof EngineError && error.code === 'no-canvas') return null;
    throw error;
  }
}

/** Bitmaps are moved, not copied. Nobody waits for the page's answers. */
export function jobEvents(onEvent: (event: RestoreEvent) => void): JobEvents {
  return {
    progress: (progress) => onEvent({ type: 'progress', progress }),
    paint: ({ step, x, y, w, h, width, height, rgba }: Paint) => {
      const image = preview(rgba, width, height);
      if (image) onEvent(transfer({ type: 'paint', step, x, y, w, h, image }, [image]));
    },
    step: (step, steps) => onEvent({ type: 'step', step, steps }),
    notice: (code, values) => onEvent({ type: 'notice', code, values }),
  };
}
