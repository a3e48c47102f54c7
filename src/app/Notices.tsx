import { Info, TriangleAlert, X } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { PhotoNotes } from '../features/import/PhotoNotes.tsx';
import { choosePack } from '../features/packs/work.ts';
import { Unfinished } from '../features/restore/Unfinished.tsx';
import { useApp } from '../store/index.ts';
import { isBlocked } from './actions.ts';
import { engine } from './engine.ts';
import { errorText } from './errorText.ts';
import './notices.css';

/** What went wrong, or what the engine changed, above the photo until it is dismissed. */
export function Notices() {
  const { t } = useTranslation();
  const failure = useApp((state) => state.failure);
  const notice = useApp((state) => state.notice);
  const lost = useApp((state) => state.resultsLost);
  const { setUi, setResults } = useApp.getState();
  return (
    <div className="notices">
      {!window.isSecureContext && <ErrorCard failure={{ code: 'needs-https', detail: '', values: {} }} />}
      <EngineTrouble />
      <Unfinished />
      <PhotoNotes />
      {failure && <ErrorCard failure={failure} onDismiss={() => setUi({ failure: null })} />}
      {lost && (
        <Card icon={<Info className="icon" aria-hidden />} onDismiss={() => setResults({ resultsLost: false })}>
          <p>{t('results.lost')}</p>
        </Card>
      )}
      {notice && (
        <Card icon={<Info className="icon" aria-hidden />} onDismiss={() => setUi({ notice: null })}>
          <p>{t(`notice.${notice.code}`)}</p>
        </Card>
      )}
    </div>
  );
}

/** The engine can't start, or another tab has it. A failed job shows its own card instead. */
function EngineTrouble() {
  const { t } = useTranslation();
  const state = useApp((app) => app.engine);
  const told = useApp((app) => app.failure?.code);
  const blocked = useApp(isBlocked);
  const stored = useApp((app) => app.settings.pack !== null);
  if (!window.isSecureContext || state.state !== 'error' || state.failure.code === told) return null;
  return (
    <ErrorCard failure={state.failure}>
      <button type="button" className="button notice-action" onClick={() => void engine.start(blocked)}>
        {blocked ? t('buttons.takeOver') : t('buttons.retry')}
      </button>
      {stored && !blocked && (
        <button type="button" className="button notice-action" onClick={() => choosePack(null)}>
          {t('packs.useOwn')}
        </button>
      )}
    </ErrorCard>
  );
}

type Failing = Parameters<typeof errorText>[0];

function ErrorCard(props: { failure: Failing; onDismiss?: () => void; children?: ReactNode }) {
  const { t, i18n } = useTranslation();
  const { title, text } = errorText(props.failure, t, i18n.language);
  return (
    <Card
      icon={<TriangleAlert className="icon" aria-hidden />}
      alert
      {...(props.onDismiss && { onDismiss: props.onDismiss })}
    >
      <p className="notice-title">{title}</p>
      <p>{text}</p>
      {props.children}
    </Card>
  );
}

function Card(props: { icon: ReactNode; alert?: boolean; onDismiss?: () => void; children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <div className="notice" data-alert={props.alert} role={props.alert ? 'alert' : 'note'}>
      {props.icon}
      <div className="notice-text">{props.children}</div>
      {props.onDismiss && (
        <button type="button" className="button button-icon button-quiet notice-close" onClick={props.onDismiss}>
          <X className="icon" aria-hidden />
          <span className="sr-only">{t('buttons.dismiss')}</span>
        </button>
      )}
    </div>
  );
}
