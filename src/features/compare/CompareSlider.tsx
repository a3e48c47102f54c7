import { MoveHorizontal } from 'lucide-react';
import type { KeyboardEvent, PointerEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useApp } from '../../store/index.ts';
import { type Size, splitAt, type View } from './geometry.ts';

const STEPS: Readonly<Record<string, number>> = {
  ArrowLeft: -0.01,
  ArrowDown: -0.01,
  ArrowRight: 0.01,
  ArrowUp: 0.01,
  PageDown: -0.1,
  PageUp: 0.1,
  Home: -1,
  End: 1,
};

interface Props {
  /** Screen x of the line, in px of the stage. */
  divider: number;
  view: View;
  photo: Size;
  stage: Size;
}

/** The line between original (left) and restored (right). */
export function CompareSlider({ divider, view, photo, stage }: Props) {
  const { t } = useTranslation();
  const split = useApp((state) => state.split);
  const step = useApp((state) => state.shownStep);
  const setUi = useApp((state) => state.setUi);
  const percent = Math.round(split * 100);

  const onKeyDown = (event: KeyboardEvent) => {
    const by = STEPS[event.key];
    // Shift with an arrow moves the view, wherever the focus is.
    if (by === undefined || event.shiftKey) return;
    event.preventDefault();
    setUi({ split: Math.min(1, Math.max(0, split + by)) });
  };
  const onPointerDown = (event: PointerEvent<HTMLDivElement>) => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    event.currentTarget.focus({ preventScroll: true });
  };
  const onPointerMove = (event: PointerEvent<HTMLDivElement>) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const left = event.currentTarget.parentElement?.getBoundingClientRect().left ?? 0;
    setUi({ split: splitAt(event.clientX - left, view, photo, stage) });
  };
  const top = Math.max(0, view.y);
  const height = Math.min(stage.height, view.y + photo.height * view.scale) - top;
  return (
    <>
      <span
        className="compare-tag"
        data-side="before"
        data-faint={split < 0.12 || undefined}
        style={{ top, right: stage.width - divider }}
        aria-hidden
      >
        {t('compare.before')}
      </span>
      <span
        className="compare-tag"
        data-side="after"
        data-faint={split > 0.88 || undefined}
        style={{ top, left: divider }}
        aria-hidden
      >
        {step === null ? t('compare.after') : t('compare.step', { step })}
      </span>
      <div
        className="compare"
        style={{ transform: `translateX(${divider}px)`, top, height }}
        role="slider"
        tabIndex={0}
        aria-label={t('compare.name')}
        aria-orientation="horizontal"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={t('compare.value', { before: percent, after: 100 - percent })}
        onKeyDown={onKeyDown}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
      >
        <span className="compare-knob">
          <MoveHorizontal className="icon" aria-hidden />
        </span>
      </div>
    </>
  );
}
