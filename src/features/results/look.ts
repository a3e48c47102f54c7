/** Draws the current result on the canvas as strength and mask have it, live: no job, no trip to the engine. */
import { type Canvas2d, type CanvasSettings, canvas2d } from '../../../workers/canvas.ts';
import type { Mask } from '../../../workers/photo/blend.ts';
import type { Layer } from '../../../workers/protocol.ts';
import { engine } from '../../app/engine.ts';
import { fail, failureOf, type Result } from '../../bridge/outcome.ts';
import { type AppState, useApp } from '../../store/index.ts';
import { closeShown, layersOf, lookOf, type ShownResult } from '../../store/resultsSlice.ts';
import { showBlend, showPicture, viewSide } from '../restore/surface.ts';

/** A mask as a canvas whose alpha it is; null where the browser gives none. */
export function maskCanvas({ width, height, data }: Mask, settings?: CanvasSettings): Canvas2d | null {
  const context = canvas2d(width, height, settings);
  if (!context) return null;
  const pixels = new ImageData(width, height);
  for (let i = 0; i < data.length; i++) pixels.data[4 * i + 3] = data[i] as number;
  context.putImageData(pixels, 0, 0);
  return context;
}

let kept: { mask: Mask; canvas: OffscreenCanvas } | null = null;

function canvasOf(mask: Mask): OffscreenCanvas | null {
  if (kept?.mask === mask) return kept.canvas;
  const canvas = maskCanvas(mask)?.canvas ?? null;
  kept = canvas && { mask, canvas };
  return canvas;
}

/** Masks can't be painted or shown. What is saved has them all the same. */
export const tellNoCanvas = (): void => useApp.getState().setUi({ failure: failureOf(fail('no-canvas')) });

/** @param live a mask that is being painted, in place of the one that stands */
export function drawLook(live?: OffscreenCanvas): void {
  const state = useApp.getState();
  const { photo, shown, current } = state;
  if (!photo || state.job === 'running') return;
  if (!shown || current === null || shown.id !== current) {
    if (current === null) showPicture(photo.view, photo.info);
    return;
  }
  const { strength, mask } = lookOf(state);
  const below = shown.below ?? photo.view;
  const cut = live ?? (mask && canvasOf(mask));
  if (mask && !cut) showPicture(below, photo.info);
  else if (showBlend(below, shown.restored, strength, cut, photo.info)) return;
  tellNoCanvas();
}

/** A result's pictures. Where one of them can't be had, none is left open. */
export async function picturesOf(id: number, base: readonly Layer[]): Promise<Result<ShownResult>> {
  const restored = await engine.view(id, viewSide());
  if (!restored.ok) return restored;
  const below = base.length > 0 ? await engine.view(base, viewSide()) : null;
  if (below && !below.ok) {
    restored.value.close();
    return below;
  }
  return { ok: true, value: { id, restored: restored.value, below: below?.value ?? null } };
}

/** Pictures of the current result, asked for once it is another one. */
async function fetchShown(id: number): Promise<void> {
  const found = useApp.getState().results.find((one) => one.id === id);
  if (!found) return;
  const pictures = await picturesOf(id, found.base);
  const { current, shown, setShown, setUi } = useApp.getState();
  const stale = current !== id || shown?.id === id;
  if (pictures.ok && stale) closeShown(pictures.value);
  else if (pictures.ok) setShown(pictures.value);
  // Another result's picture still stands on the canvas.
  else if (!stale && pictures.code !== 'cancelled') setUi({ failure: failureOf(pictures) });
}

const differs = (a: AppState, b: AppState) =>
  a.looks !== b.looks || a.shown !== b.shown || a.current !== b.current || a.job !== b.job;

/** Follows the store for as long as the page lives. */
export function watchLook(): void {
  let frame = 0;
  useApp.subscribe((state, before) => {
    if (state.current !== null && state.current !== state.shown?.id && state.current !== before.current) {
      void fetchShown(state.current);
    }
    if (!differs(state, before)) return;
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => drawLook());
    // The numbers and the map belong to what was shown.
    if ((state.looks !== before.looks || state.current !== before.current) && state.fidelity) {
      state.setResults({ fidelity: null });
    }
  });
}

/** The map that lies over the photo. It is the result's: not seen over the original, nor over what a job paints. */
export const heatOf = ({ fidelity, showOriginal, job }: AppState): ImageBitmap | null =>
  showOriginal || job === 'running' ? null : (fidelity?.map ?? null);

/** Shows or hides where and how much the photo changed. */
export async function toggleFidelity(): Promise<void> {
  const state = useApp.getState();
  if (state.fidelity) return state.setResults({ fidelity: null });
  const layers = layersOf(state, state.current);
  const found = await engine.fidelity(layers, viewSide());
  if (!found.ok) {
    if (found.code !== 'cancelled') state.setUi({ failure: failureOf(found) });
    return;
  }
  if (useApp.getState().current === state.current) useApp.getState().setResults({ fidelity: found.value });
  else found.value.map.close();
}
