/** Canvases that are never seen, for threads and page. A browser may give none: very old ones, or where its memory for them is full. */
import { EngineError } from './errors.ts';

export type Canvas2d = OffscreenCanvasRenderingContext2D;

export interface CanvasSettings {
  alpha?: boolean;
  willReadFrequently?: boolean;
}

/** Null where the browser gives none. The canvas itself is the context's. */
export function canvas2d(width: number, height: number, settings?: CanvasSettings): Canvas2d | null {
  if (typeof OffscreenCanvas === 'undefined') return null;
  return new OffscreenCanvas(width, height).getContext('2d', settings);
}

/** @throws EngineError 'no-canvas' */
export function needCanvas2d(...size: Parameters<typeof canvas2d>): Canvas2d {
  const context = canvas2d(...size);
  if (!context) throw new EngineError('no-canvas', `no canvas of ${size[0]} × ${size[1]} px`);
  return context;
}
