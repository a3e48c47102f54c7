/** Zoom and pan from buttons and keys; pointers do theirs in usePanZoom. */
import { useApp } from '../../store/index.ts';
import { actualView, fitView, panBy, type Size, type View, zoomAt } from './geometry.ts';

/** A key press pans by this share of the stage. */
const PAN_SHARE = 0.15;

interface Place {
  view: View;
  photo: Size;
  stage: Size;
}

/** The view in use, with what it depends on; null while there is no photo on the stage. */
export function place(): Place | null {
  const { photo, view, viewport } = useApp.getState();
  if (!photo || viewport.width === 0) return null;
  return { view: view ?? fitView(photo.info, viewport), photo: photo.info, stage: viewport };
}

const show = (view: View | null): void => useApp.getState().setUi({ view });

export const fitPhoto = (): void => show(null);

export function actual(): void {
  const now = place();
  if (now) show(actualView(now.photo, now.stage, devicePixelRatio));
}

/** Around a point of the stage, its middle where none is given. */
export function zoom(factor: number, x?: number, y?: number): void {
  const now = place();
  if (!now) return;
  const { view, photo, stage } = now;
  const next = zoomAt(view, factor, x ?? stage.width / 2, y ?? stage.height / 2, photo, stage);
  // Back at fit the view follows the window again.
  show(factor < 1 && next.scale <= fitView(photo, stage).scale * 1.001 ? null : next);
}

/** `dx`, `dy`: -1, 0 or 1. */
export function pan(dx: number, dy: number): void {
  const now = place();
  if (!now) return;
  const { view, photo, stage } = now;
  panPixels(dx * stage.width * PAN_SHARE, dy * stage.height * PAN_SHARE, view, photo, stage);
}

export function panPixels(dx: number, dy: number, view: View, photo: Size, stage: Size): void {
  if (useApp.getState().view !== null) show(panBy(view, dx, dy, photo, stage));
}
