import { useEffect, useId, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { StoredPack } from '../../../workers/packs/protocol.ts';
import { bytesText, dayText } from '../../app/amounts.ts';
import { useApp } from '../../store/index.ts';
import { packKey } from '../../store/packsSlice.ts';
import { isFocusLost, useKeptFocus } from './focus.ts';
import { NeedsRows, Obstacles } from './Needs.tsx';
import { PackButtons } from './PackButtons.tsx';
import { Details, FailureText, PackProgress, Row, useTaskNames } from './parts.tsx';
import { missingParts, newsText, originText } from './texts.ts';
import { choosePack, isSame, isWorking, waitsForStart } from './work.ts';

/** One stored pack: what it is, what goes on with it, what can be done with it. */
export function PackCard({ pack }: { pack: StoredPack }) {
  const { t, i18n } = useTranslation();
  const id = useId();
  const used = useApp((state) => isSame(state.settings.pack, pack.id));
  const waits = useApp((state) => waitsForStart(state, pack.id));
  const running = useApp((state) => state.job === 'running');
  const { status } = pack;
  const missing = pack.tasks.length > 0 ? missingParts(pack.parts) : [];
  const usable = pack.complete && missing.length === 0;
  const still = status.state === 'idle' || status.state === 'done' || status.state === 'failed';
  // A check that was stopped leaves a complete pack as it was.
  const moving = still || (pack.complete && status.state === 'paused') ? null : status;
  const card = useRef<HTMLElement>(null);
  useKeptFocus(card);
  // It takes the place of the offer whose button was pressed.
  useEffect(() => {
    if (isFocusLost()) card.current?.focus();
  }, []);
  const lastUsed = pack.lastUsed
    ? t('packs.lastUsed', { day: dayText(pack.lastUsed, i18n.language) })
    : t('packs.neverUsed');
  const version = t('packs.version', { version: pack.id.version });
  // While it comes, its progress says how much is here.
  const facts = moving ? [version] : [version, bytesText(pack.onDisk, i18n.language), lastUsed];
  return (
    <article className="pack" aria-labelledby={id} ref={card} tabIndex={-1}>
      <div className="pack-head">
        <div>
          <h3 className="pack-title" id={id}>
            {pack.title}
          </h3>
          <p className="field-hint">{facts.join(' · ')}</p>
        </div>
        {used && <span className="pack-badge">{t(waits ? 'packs.inUseNext' : 'packs.inUse')}</span>}
        {(!used || waits) && usable && (
          <button
            type="button"
            className="button"
            disabled={running || isWorking(status)}
            onClick={() => choosePack(pack.id)}
          >
            {t(waits ? 'packs.useNow' : 'packs.use')}
          </button>
        )}
      </div>
      {missing.length > 0 && <Obstacles needs={pack.needs} obstacles={[{ code: 'pack-incomplete', parts: missing }]} />}
      {moving && <PackProgress status={moving} title={pack.title} />}
      {!moving && !pack.complete && status.state !== 'failed' && (
        <p className="field-hint">
          {pack.busyElsewhere
            ? t('packs.busyElsewhere')
            : t('packs.partial', {
                done: bytesText(pack.onDisk, i18n.language),
                total: bytesText(pack.needs.bytes, i18n.language),
              })}
        </p>
      )}
      <PackNewsText pack={pack} />
      <PackButtons pack={pack} />
      <Facts pack={pack} />
    </article>
  );
}

function PackNewsText({ pack }: { pack: StoredPack }) {
  const { t, i18n } = useTranslation();
  const news = useApp((state) => state.packNews[packKey(pack.id)]);
  const failure = news?.kind === 'failed' ? news.failure : pack.status.state === 'failed' ? pack.status : null;
  return (
    <>
      <p className="packs-news" role="status">
        {news && news.kind !== 'failed' && newsText(news, t, i18n.language)}
      </p>
      {failure && !(news && news.kind !== 'failed') && <FailureText failure={failure} />}
    </>
  );
}

function Facts({ pack }: { pack: StoredPack }) {
  const { t, i18n } = useTranslation();
  const tasks = useTaskNames(pack.tasks);
  return (
    <Details>
      <dl>
        <Row name={t('packs.row.name')}>{`${pack.id.name} ${pack.id.version}`}</Row>
        <Row name={t('packs.row.licence')}>{pack.licence}</Row>
        <Row name={t('packs.row.source')}>{pack.source}</Row>
        <Row name={t('packs.row.from')}>{originText(pack.origin, t)}</Row>
        <Row name={t('packs.row.tasks')}>{tasks}</Row>
        <Row name={t('packs.row.added')}>{dayText(pack.added, i18n.language)}</Row>
        {pack.needs.bytes > 0 && <NeedsRows needs={pack.needs} />}
      </dl>
    </Details>
  );
}
