/** What a person has to be told of the queue, besides how far it is. */
import { TriangleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { errorText } from '../../app/errorText.ts';
import { useApp } from '../../store/index.ts';
import { clearAll } from './work.ts';

/** Why the queue stopped by itself. */
export function Trouble() {
  const { t, i18n } = useTranslation();
  const trouble = useApp((state) => state.queueTrouble);
  if (!trouble) return null;
  const { title, text } = errorText(trouble, t, i18n.language);
  return (
    <div className="notice queue-trouble" data-alert role="alert">
      <TriangleAlert className="icon" aria-hidden />
      <div className="notice-text">
        <p className="notice-title">{title}</p>
        {/* A single photo's job is continued, one of the queue begins anew. */}
        <p>{trouble.code === 'device-lost' ? t('queue.deviceLost') : text}</p>
        <p>{t('queue.stopped')}</p>
      </div>
    </div>
  );
}

/** Photos that memory alone had before the page was loaded anew. */
export function Gone() {
  const { t } = useTranslation();
  const count = useApp((state) => state.queue.filter(({ status }) => status === 'gone').length);
  if (count === 0) return null;
  return (
    <div className="notice queue-trouble" role="status">
      <TriangleAlert className="icon" aria-hidden />
      <div className="notice-text">
        <p>{t('queue.gone', { count })}</p>
        <button
          type="button"
          className="button button-quiet"
          onClick={({ currentTarget }) => {
            // This button goes with the note; the keyboard goes on where such photos are added again.
            currentTarget.closest('.queue-options')?.querySelector<HTMLElement>('.queue-buttons button')?.focus();
            void clearAll('gone');
          }}
        >
          {t('queue.clearGone', { count })}
        </button>
      </div>
    </div>
  );
}
