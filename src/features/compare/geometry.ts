/**
 * Where the photo lies on the stage. Pure maths in two spaces: photo px and screen (CSS) px, joined by
 * `screen = photo · scale + (x, y)`. Both sides of the comparison use the same view, so they can't drift apart.
 */
export interface Size {
  width: number;
  height: number;
}

export interface View {
  /** CSS px a photo px. */
  scale: number;
  x: number;
  y: number;
}

/** Small photos are enlarged at most this much by "fit". */
const FIT_MAX = 4;
const ZOOM_MAX = 32;

/** The whole photo, centred. */
export function fitView(photo: Size, stage: Size): View {
  const scale = Math.min(stage.width / photo.width, stage.height / photo.height, FIT_MAX);
  return centred(photo, stage, scale);
}

/** One photo px on one device px, around the middle. `ratio` is the device pixel ratio. */
export function actualView(photo: Size, stage: Size, ratio: number): View {
  return centred(photo, stage, 1 / ratio);
}

function centred(photo: Size, stage: Size, scale: number): View {
  return { scale, x: (stage.width - photo.width * scale) / 2, y: (stage.height - photo.height * scale) / 2 };
}

/** Enlarges by `factor` while the photo px under (px, py) stays there. Never smaller than fit (or 100 % where that is smaller). */
export function zoomAt(view: View, factor: number, px: number, py: number, photo: Size, stage: Size): View {
  const least = Math.min(fitView(photo, stage).scale, 1);
  const scale = Math.min(Math.max(view.scale * factor, least), ZOOM_MAX);
  const real = scale / view.scale;
  return keepInside({ scale, x: px - (px - view.x) * real, y: py - (py - view.y) * real }, photo, stage);
}

export function panBy(view: View, dx: number, dy: number, photo: Size, stage: Size): View {
  return keepInside({ ...view, x: view.x + dx, y: view.y + dy }, photo, stage);
}

/** No gap at an edge while the photo is larger than the stage; centred along an axis where it is smaller. */
export function keepInside(view: View, photo: Size, stage: Size): View {
  return {
    scale: view.scale,
    x: insideAxis(view.x, photo.width * view.scale, stage.width),
    y: insideAxis(view.y, photo.height * view.scale, stage.height),
  };
}

function insideAxis(offset: number, length: number, room: number): number {
  if (length <= room) return (room - length) / 2;
  return Math.min(0, Math.max(room - length, offset));
}

/** The part of the stage that the photo covers, along x, in screen px. */
export function visibleSpan(view: View, photo: Size, stage: Size): { left: number; width: number } {
  const left = Math.max(0, view.x);
  const right = Math.min(stage.width, view.x + photo.width * view.scale);
  return { left, width: Math.max(0, right - left) };
}

/** Screen x of the divider for a split of 0 to 1 over the visible part. */
export function dividerX(split: number, view: View, photo: Size, stage: Size): number {
  const span = visibleSpan(view, photo, stage);
  return span.left + split * span.width;
}

/** Share of the photo's width (0 to 1) that lies left of a screen x: what the original's clip path needs. */
export function shareLeftOf(screenX: number, view: View, photo: Size): number {
  return Math.min(1, Math.max(0, (screenX - view.x) / (photo.width * view.scale)));
}

/** The split that puts the divider at a screen x. */
export function splitAt(screenX: number, view: View, photo: Size, stage: Size): number {
  const span = visibleSpan(view, photo, stage);
  return span.width === 0 ? 0.5 : Math.min(1, Math.max(0, (screenX - span.left) / span.width));
}

/** Size fitted into `side` without enlarging, at least 1 × 1. */
export function fitInto(size: Size, side: number): Size {
  const scale = Math.min(1, side / Math.max(size.width, size.height));
  return { width: Math.max(1, Math.round(size.width * scale)), height: Math.max(1, Math.round(size.height * scale)) };
}
