import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { bytesText } from '../../app/amounts.ts';
import { useApp } from '../../store/index.ts';
import { packKey } from '../../store/packsSlice.ts';
import { AddPack } from './AddPack.tsx';
import { isFocusLost } from './focus.ts';
import { OwnCard } from './OwnCard.tsx';
import { PackCard } from './PackCard.tsx';
import { FailureText } from './parts.tsx';
import { newsText } from './texts.ts';
import { refreshPacks } from './work.ts';
import './packs.css';

/** Which packs are here, what can be done with them, and how others come in. */
export function PackManager() {
  const { t } = useTranslation();
  const packs = useApp((state) => state.packs);
  // The engine notes when it used a pack, and lets go of one.
  const engine = useApp((state) => state.engine.state);
  useEffect(() => {
    if (engine !== 'starting') void refreshPacks();
  }, [engine]);
  const list = useRef<HTMLUListElement>(null);
  const count = packs?.length;
  const before = useRef(count);
  useEffect(() => {
    // A pack was removed, and with it the button that had the focus.
    if ((count ?? 0) < (before.current ?? 0) && isFocusLost()) list.current?.focus({ preventScroll: true });
    before.current = count;
  }, [count]);
  return (
    <div className="packs">
      <p className="field-hint">{t('packs.intro')}</p>
      <News />
      <ul className="packs-list" aria-label={t('packs.list')} ref={list} tabIndex={-1}>
        <li>
          <OwnCard />
        </li>
        {packs?.map((pack) => (
          <li key={packKey(pack.id)}>
            <PackCard pack={pack} />
          </li>
        ))}
      </ul>
      <Storage />
      <AddPack />
    </div>
  );
}

/** What happened last with packs that are not, or no longer, in the list. */
function News() {
  const { t, i18n } = useTranslation();
  const news = useApp((state) => state.packNews['']);
  return (
    <>
      <p className="packs-news" role="status">
        {news && news.kind !== 'failed' && newsText(news, t, i18n.language)}
      </p>
      {news?.kind === 'failed' && <FailureText failure={news.failure} />}
    </>
  );
}

function Storage() {
  const { t, i18n } = useTranslation();
  const storage = useApp((state) => state.storage);
  if (!storage) return null;
  if (!storage.available) return <p className="field-hint">{t('errors.no-storage.text')}</p>;
  if (storage.usage === null || storage.free === null) return null;
  const amounts = { used: bytesText(storage.usage, i18n.language), free: bytesText(storage.free, i18n.language) };
  return <p className="field-hint">{t('packs.storage', amounts)}</p>;
}
