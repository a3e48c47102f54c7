import { type KeyboardEvent, type PointerEvent, useLayoutEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { ActionButton } from '../../app/ui.tsx';
import { useApp } from '../../store/index.ts';
import type { Frame } from '../../store/jobSlice.ts';
import { goToStep, isOnlyShown, stepOnStage } from './steps.ts';
import './film.css';

const KEYS: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowDown: -1,
  ArrowRight: 1,
  ArrowUp: 1,
  PageDown: -5,
  PageUp: 5,
};

/** The steps of the last job, to be scrubbed. While a job runs it fills up and can't be moved. */
export function FilmStrip() {
  const { t } = useTranslation();
  const frames = useApp((state) => state.frames);
  const kept = useApp((state) => state.keptStep);
  const running = useApp((state) => state.job === 'running');
  const canKeep = useApp((state) => state.shownStep !== null && state.job !== 'running' && state.result !== null);
  const step = useApp(stepOnStage);
  const onlyShown = useApp((state) => canKeep && state.shownStep !== null && isOnlyShown(state, state.shownStep));
  const elsewhere = useApp((state) => state.job !== 'running' && (state.results.at(-1)?.id ?? null) !== state.current);
  const first = frames[0]?.step;
  const last = frames.at(-1)?.step;
  // The steps are those of the newest job.
  if (first === undefined || last === undefined || elsewhere) return null;
  const now = step ?? last;
  const said = now === kept ? 'film.result' : onlyShown ? 'film.onlyShown' : 'film.value';

  const scrub = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const index = Math.floor(((event.clientX - box.left) / box.width) * frames.length);
    const frame = frames[Math.min(frames.length - 1, Math.max(0, index))];
    if (frame) goToStep(frame.step);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (running || event.shiftKey) return;
    const by = KEYS[event.key];
    if (by !== undefined) goToStep(now + by);
    else if (event.key === 'Home') goToStep(first);
    else if (event.key === 'End') goToStep(last);
    else return;
    event.preventDefault();
  };
  return (
    <div className="film">
      <div
        className="film-frames"
        role="slider"
        tabIndex={running ? -1 : 0}
        aria-label={t('film.name')}
        aria-disabled={running}
        aria-valuemin={first}
        aria-valuemax={last}
        aria-valuenow={now}
        aria-valuetext={t(said, { step: now, steps: last })}
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          if (running || event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          scrub(event);
        }}
        onPointerMove={(event) => event.currentTarget.hasPointerCapture(event.pointerId) && scrub(event)}
      >
        {frames.map((frame) => (
          <Thumb key={frame.step} frame={frame} on={!running && frame.step === now} kept={frame.step === kept} />
        ))}
      </div>
      {canKeep && <ActionButton id="keepStep" className="film-keep" aria-label={t('actions.keepStep')} />}
    </div>
  );
}

const THUMB_HEIGHT = 112;

function Thumb({ frame, on, kept }: { frame: Frame; on: boolean; kept: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const { image } = frame;
    element.height = Math.min(THUMB_HEIGHT, image.height);
    element.width = Math.max(1, Math.round((image.width / image.height) * element.height));
    element.getContext('2d')?.drawImage(image, 0, 0, element.width, element.height);
  }, [frame]);
  return (
    <span
      className="film-frame"
      data-on={on || undefined}
      data-kept={kept || undefined}
      style={{ aspectRatio: Math.min(2, Math.max(0.6, frame.image.width / frame.image.height)) }}
    >
      <canvas ref={canvas} aria-hidden />
      <span className="film-number" aria-hidden>
        {frame.step}
      </span>
    </span>
  );
}
