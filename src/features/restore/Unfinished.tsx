import { History } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { UnfinishedJob } from '../../../workers/protocol.ts';
import { leavePhoto } from '../../app/leave.ts';
import { useApp } from '../../store/index.ts';
import { continueJob } from './continueJob.ts';
import { discardJob } from './unfinished.ts';

/** Offers jobs that did not come to their end. The newest is offered; the next one once that is answered. */
export function Unfinished() {
  const job = useApp((state) => (state.job === 'running' || state.opening ? undefined : state.unfinished[0]));
  return job ? <Offer key={job.id} job={job} /> : null;
}

function Offer({ job }: { job: UnfinishedJob }) {
  const { t } = useTranslation();
  const { name, task, step, steps } = job;
  const title = t('unfinished.title', { name: name || t('unfinished.noName') });
  return (
    <section className="notice" aria-label={title}>
      <History className="icon" aria-hidden />
      <div className="notice-text">
        <p className="notice-title">{title}</p>
        <p>{t('unfinished.text', { task: t(`tasks.${task}.name`), step, steps })}</p>
        <div className="notice-buttons">
          <button
            type="button"
            className="button button-primary"
            onClick={() => leavePhoto(() => void continueJob(job))}
          >
            {t('unfinished.continue')}
          </button>
          <button type="button" className="button" onClick={() => discardJob(job.id)}>
            {t('unfinished.discard')}
          </button>
        </div>
      </div>
    </section>
  );
}
