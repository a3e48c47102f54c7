import type { TFunction } from 'i18next';
import type { AppState } from '../../store/index.ts';

/** What a screen reader hears of photo and job: stages and steps, not every tile. Errors speak for themselves (role alert). */
export function announcement(state: AppState, suggestion: string, t: TFunction, language: string): string {
  const { job, photo, progress, result } = state;
  if (state.opening) return t('import.opening');
  if (!photo) {
    const offered = state.unfinished[0];
    return offered ? t('unfinished.title', { name: offered.name || t('unfinished.noName') }) : '';
  }
  if (state.paused) return t('job.paused');
  if (job === 'running' && !progress) return t('job.waiting');
  if (job === 'running' && progress?.stage === 'denoise') {
    return `${t('job.denoise')}, ${t('job.step', { step: progress.step, steps: progress.steps })}`;
  }
  if (job === 'running' && progress) return t(`job.${progress.stage}`);
  // Undo or a choice among the results may lead back to the photo as it was.
  if (job === 'done' && !result) return t(state.resultsLost ? 'results.lost' : 'job.original');
  if (job === 'done' && result) {
    const seconds = new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(
      result.milliseconds.total / 1000,
    );
    const done = t('job.done', { seconds });
    // Who can not see the result learns it in no other way.
    return state.notice?.code === 'barely-changed' ? `${done}. ${t('notice.barely-changed')}` : done;
  }
  if (job === 'cancelled') return t('job.cancelled');
  if (job === 'failed') return t(state.jobKind === 'keep' ? 'job.keepFailed' : 'job.failed');
  if (job === 'left') return t('job.left');
  const opened = t('import.opened', { name: photo.name, width: photo.info.width, height: photo.info.height });
  return suggestion ? `${opened}. ${suggestion}` : opened;
}
