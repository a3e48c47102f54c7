import { type CSSProperties, type KeyboardEvent, type PointerEvent, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useApp } from '../../store/index.ts';
import type { View } from '../compare/geometry.ts';
import { beginStroke, type Stroke, type Touch } from './brush.ts';

const MOVES: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Over the photo while the brush is out. By keyboard the arrows move it, and Space or Enter puts a dab. */
export function BrushLayer({ view }: { view: View }) {
  const { t } = useTranslation();
  const brush = useApp((state) => state.brush);
  const stroke = useRef<Stroke | null>(null);
  const [place, setPlace] = useState<{ x: number; y: number } | null>(null);
  const size = useApp((state) => state.viewport);
  if (!brush) return null;
  const onPhoto = (x: number, y: number, pressure: number): Touch => ({
    x: (x - view.x) / view.scale,
    y: (y - view.y) / view.scale,
    pressure,
  });
  const at = (event: PointerEvent<HTMLElement>): Touch & { left: number; top: number } => {
    const box = event.currentTarget.getBoundingClientRect();
    const [left, top] = [event.clientX - box.left, event.clientY - box.top];
    // A mouse has no pressure; it says 0.5 while it is down.
    const pressure = event.pointerType === 'pen' ? Math.max(0.05, event.pressure) : 1;
    return { ...onPhoto(left, top, pressure), left, top };
  };
  const finish = () => {
    if (stroke.current) useApp.getState().setLook({ mask: stroke.current.end() });
    stroke.current = null;
  };
  const dab = (x: number, y: number) => {
    stroke.current = beginStroke(view.scale);
    stroke.current?.to(onPhoto(x, y, 1));
    finish();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const now = place ?? { x: size.width / 2, y: size.height / 2 };
    const move = event.shiftKey ? undefined : MOVES[event.key];
    if (move) {
      const [dx, dy] = move.map((one) => (one * brush.size) / 2) as [number, number];
      setPlace({
        x: Math.min(size.width, Math.max(0, now.x + dx)),
        y: Math.min(size.height, Math.max(0, now.y + dy)),
      });
    } else if (event.key === ' ' || event.key === 'Enter') {
      if (!event.ctrlKey && !event.metaKey) dab(now.x, now.y);
      else return;
      setPlace(now);
    } else return;
    event.preventDefault();
  };
  const ring: CSSProperties = place
    ? { left: place.x - brush.size / 2, top: place.y - brush.size / 2, width: brush.size, height: brush.size }
    : { display: 'none' };
  return (
    <div
      className="brush-layer"
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: painting by keyboard needs the focus.
      tabIndex={0}
      aria-label={t('brush.area')}
      data-testid="brush"
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        if (event.button !== 0 || !event.isPrimary) return;
        event.stopPropagation();
        event.currentTarget.setPointerCapture(event.pointerId);
        stroke.current = beginStroke(view.scale);
        stroke.current?.to(at(event));
      }}
      onPointerMove={(event) => {
        const touch = at(event);
        setPlace({ x: touch.left, y: touch.top });
        stroke.current?.to(touch);
      }}
      onPointerUp={finish}
      onPointerCancel={finish}
      onPointerLeave={() => setPlace(null)}
    >
      <span className="brush-ring" style={ring} data-erase={brush.erase || undefined} />
    </div>
  );
}
