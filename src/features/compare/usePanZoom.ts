import { type RefObject, useEffect } from 'react';
import { useApp } from '../../store/index.ts';
import { splitAt } from './geometry.ts';
import { actual, fitPhoto, panPixels, place, zoom } from './viewActions.ts';

const WHEEL = 0.0016;

/** Pointers on the stage: one drags the divider (at fit) or the photo (zoomed in), two pinch; the wheel zooms. */
export function usePanZoom(stage: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const element = stage.current;
    if (!element) return;
    const points = new Map<number, { x: number; y: number }>();
    const at = (event: MouseEvent) => {
      const box = element.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    const down = (event: PointerEvent) => {
      if (event.button !== 0 || points.size === 2) return;
      // The brush paints with this pointer. React would tell it only after this listener.
      if (isOn(event, '.brush-layer')) return;
      element.setPointerCapture(event.pointerId);
      points.set(event.pointerId, at(event));
    };
    const move = (event: PointerEvent) => {
      const before = points.get(event.pointerId);
      if (!before) return;
      const now = at(event);
      const other = [...points].find(([id]) => id !== event.pointerId)?.[1];
      if (other) pinch(before, now, other);
      // The divider has this pointer and moves itself; the photo stays. It counts here so that it can be half of a pinch.
      else if (!isOn(event, '.compare')) drag(before, now);
      points.set(event.pointerId, now);
    };
    const up = (event: PointerEvent) => points.delete(event.pointerId);
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      const { x, y } = at(event);
      // A wheel may count in lines; a pinch on a touchpad arrives as small steps with Ctrl.
      const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1) * (event.ctrlKey ? 6 : 1);
      zoom(Math.exp(-pixels * WHEEL), x, y);
    };
    const twice = (event: MouseEvent) => {
      // Two quick dabs of the brush come as a double click, too.
      if (isOn(event, 'button, [role=slider], .brush-layer')) return;
      if (useApp.getState().view === null) actual();
      else fitPhoto();
    };
    const stop = new AbortController();
    const { signal } = stop;
    element.addEventListener('pointerdown', down, { signal });
    element.addEventListener('pointermove', move, { signal });
    element.addEventListener('pointerup', up, { signal });
    element.addEventListener('pointercancel', up, { signal });
    element.addEventListener('wheel', wheel, { signal, passive: false });
    element.addEventListener('dblclick', twice, { signal });
    return () => stop.abort();
  }, [stage]);
}

const isOn = ({ target }: Event, selector: string): boolean =>
  target instanceof Element && target.closest(selector) !== null;

interface Point {
  x: number;
  y: number;
}

function drag(before: Point, now: Point): void {
  const here = place();
  if (!here) return;
  const { view, photo, stage } = here;
  const state = useApp.getState();
  if (state.view !== null) panPixels(now.x - before.x, now.y - before.y, view, photo, stage);
  else if (state.result && state.job !== 'running') state.setUi({ split: splitAt(now.x, view, photo, stage) });
}

function pinch(before: Point, now: Point, other: Point): void {
  const was = Math.hypot(before.x - other.x, before.y - other.y);
  const is = Math.hypot(now.x - other.x, now.y - other.y);
  if (was < 1) return;
  zoom(is / was, (now.x + other.x) / 2, (now.y + other.y) / 2);
  const here = place();
  // Both fingers moved together: the photo follows their middle.
  if (here) panPixels((now.x - before.x) / 2, (now.y - before.y) / 2, here.view, here.photo, here.stage);
}
