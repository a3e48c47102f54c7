import { Progress } from '@base-ui/react/progress';
import { type FocusEvent, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { ActionButton } from '../../app/ui.tsx';
import { useApp } from '../../store/index.ts';
import { timeLeft } from './progress.ts';
import { startProgress } from './startProgress.ts';
import './job.css';

/** Restore, or what the job is doing and how to stop it. */
export function JobBar() {
  const running = useApp((state) => state.job === 'running');
  const hasResult = useApp((state) => state.result !== null);
  const bar = useKeptFocus(running, hasResult);
  return (
    <div className="job-bar" {...bar}>
      {running ? <Running /> : <ActionButton id="restore" look={hasResult ? 'plain' : 'primary'} />}
    </div>
  );
}

/**
 * Restore and Cancel take each other's place. For those who use the keyboard the focus goes along, and to the
 * comparison when there is a result. After a click it stays free, so that Space shows the original.
 */
function useKeptFocus(running: boolean, hasResult: boolean) {
  const bar = useRef<HTMLDivElement>(null);
  const byKeyboard = useRef(false);
  useEffect(() => {
    if (!byKeyboard.current || document.activeElement !== document.body) return;
    const compare = !running && hasResult ? document.querySelector<HTMLElement>('.compare') : null;
    (compare ?? bar.current?.querySelector('button'))?.focus({ preventScroll: true });
  }, [running, hasResult]);
  return {
    ref: bar,
    onFocus: (event: FocusEvent) => {
      byKeyboard.current = event.target.matches(':focus-visible');
    },
    onBlur: (event: FocusEvent) => {
      if (event.relatedTarget) byKeyboard.current = false;
    },
  };
}

function Running() {
  const { t, i18n } = useTranslation();
  const progress = useApp((state) => state.progress);
  const engine = useApp((state) => state.engine);
  const paused = useApp((state) => state.paused);
  const left = paused ? null : timeLeft(progress?.secondsLeft ?? null);
  // Before the first event the engine may still be starting: its own progress stands in, and counts for nothing yet.
  const fraction = progress?.fraction ?? 0;
  const parts = progress
    ? [
        paused && t('job.paused'),
        progress.stage === 'denoise' && t('job.step', { step: progress.step, steps: progress.steps }),
        progress.tiles > 1 && progress.tile > 0 && t('job.tile', { tile: progress.tile, tiles: progress.tiles }),
        left && (left.unit === 'soon' ? t('job.soon') : t(`job.${left.unit}`, { count: left.count })),
      ]
    : [paused ? t('job.paused') : startProgress(engine)];
  const percent = new Intl.NumberFormat(i18n.language, { style: 'percent' }).format(fraction);
  return (
    <div className="job" data-paused={paused || undefined}>
      <Progress.Root className="job-progress" value={Math.round(fraction * 100)} aria-label={t('job.progress')}>
        <div className="field-row">
          <span className="field-label">{progress ? t(`job.${progress.stage}`) : t('job.waiting')}</span>
          <span className="job-percent">{percent}</span>
        </div>
        <Progress.Track className="job-track">
          <Progress.Indicator className="job-indicator" />
        </Progress.Track>
      </Progress.Root>
      <div className="job-buttons">
        <ActionButton id={paused ? 'unpause' : 'pause'} look="icon" />
        <ActionButton id="cancel" />
      </div>
      <p className="field-hint job-parts">{parts.filter(Boolean).join(' · ')}</p>
    </div>
  );
}
