import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { bytesText } from '../../app/amounts.ts';
import { useApp } from '../../store/index.ts';
import { NeedsRows } from './Needs.tsx';
import { Details, Row, useTaskNames } from './parts.tsx';
import { choosePack } from './work.ts';

/** The pack that comes with the app: always there, never removed. */
export function OwnCard() {
  const { t, i18n } = useTranslation();
  const id = useId();
  const own = useApp((state) => state.ownPack);
  const used = useApp((state) => state.settings.pack === null);
  const running = useApp((state) => state.job === 'running');
  const tasks = useTaskNames(own?.tasks ?? []);
  const facts = own ? [t('packs.version', { version: own.id.version }), bytesText(own.needs.bytes, i18n.language)] : [];
  return (
    <article className="pack" aria-labelledby={id}>
      <div className="pack-head">
        <div>
          <h3 className="pack-title" id={id}>
            {own?.title ?? t('packs.own')}
          </h3>
          <p className="field-hint">{[t('packs.own'), ...facts].join(' · ')}</p>
        </div>
        {used ? (
          <span className="pack-badge">{t('packs.inUse')}</span>
        ) : (
          <button type="button" className="button" disabled={running} onClick={() => choosePack(null)}>
            {t('packs.use')}
          </button>
        )}
      </div>
      {own && (
        <Details>
          <dl>
            <Row name={t('packs.row.licence')}>{own.licence}</Row>
            <Row name={t('packs.row.source')}>{own.source}</Row>
            <Row name={t('packs.row.tasks')}>{tasks}</Row>
            <NeedsRows needs={own.needs} />
          </dl>
        </Details>
      )}
    </article>
  );
}
