import { useTranslation } from 'react-i18next';
import { useApp } from '../../store/index.ts';
import { useSuggestion } from '../tasks/Suggestion.tsx';

/** What a screen reader hears of a job: stages and steps, not every tile. Errors speak for themselves (role alert). */
export function Announcer() {
  const { t, i18n } = useTranslation();
  const job = useApp((state) => state.job);
  const photo = useApp((state) => state.photo);
  const opening = useApp((state) => state.opening);
  const seconds = useApp((state) => (state.result?.milliseconds.total ?? 0) / 1000);
  const stage = useApp((state) => state.progress?.stage ?? null);
  const step = useApp((state) => state.progress?.step ?? 0);
  const steps = useApp((state) => state.progress?.steps ?? 0);
  const paused = useApp((state) => state.paused);
  const offered = useApp((state) => state.unfinished[0]);
  const suggestion = useSuggestion();
  const text = () => {
    if (opening) return t('import.opening');
    if (!photo) return offered ? t('unfinished.title', { name: offered.name || t('unfinished.noName') }) : '';
    if (paused) return t('job.paused');
    if (job === 'running' && stage === null) return t('job.waiting');
    if (job === 'running' && stage === 'denoise') return `${t('job.denoise')}, ${t('job.step', { step, steps })}`;
    if (job === 'running' && stage) return t(`job.${stage}`);
    if (job === 'done') {
      const shown = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 1 }).format(seconds);
      return t('job.done', { seconds: shown });
    }
    if (job === 'cancelled') return t('job.cancelled');
    if (job === 'failed') return t('job.failed');
    if (job === 'left') return t('job.left');
    const opened = t('import.opened', { name: photo.name, width: photo.info.width, height: photo.info.height });
    return suggestion ? `${opened}. ${suggestion}` : opened;
  };
  return (
    <p className="sr-only" role="status" aria-live="polite">
      {text()}
    </p>
  );
}
