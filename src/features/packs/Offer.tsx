import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import type { PackOffer } from '../../../workers/packs/protocol.ts';
import { bytesText } from '../../app/amounts.ts';
import { useApp } from '../../store/index.ts';
import type { PackFrom } from '../../store/packsSlice.ts';
import { NeedsRows, Obstacles } from './Needs.tsx';
import { Row, useTaskNames } from './parts.tsx';
import { stopAdding, takeOffer } from './work.ts';

/** What a pack is and needs, told before anything of it but its manifest is fetched. */
export function Offer({ offer, from }: { offer: PackOffer; from: PackFrom }) {
  const { t, i18n } = useTranslation();
  const id = useId();
  const free = useApp((state) => state.storage?.free ?? null);
  const tasks = useTaskNames(offer.tasks);
  const bytes = (value: number) => bytesText(value, i18n.language);
  const { needs, obstacles } = offer;
  const fetched = from.kind === 'url';
  const impossible = obstacles.some(({ code }) => code === 'no-storage');
  return (
    <article className="pack" aria-labelledby={id}>
      <div>
        <h4 className="pack-title" id={id}>
          {offer.title}
        </h4>
        <p className="field-hint">{`${offer.id.name} ${offer.id.version}`}</p>
      </div>
      <Obstacles needs={needs} obstacles={obstacles} />
      <dl>
        <Row name={t(fetched ? 'packs.needs.download' : 'packs.needs.import')}>
          {needs.toFetch < needs.bytes
            ? t('packs.needs.downloadPart', { bytes: bytes(needs.toFetch), total: bytes(needs.bytes) })
            : bytes(needs.toFetch)}
        </Row>
        <Row name={t('packs.needs.disk')}>
          {free === null
            ? bytes(needs.bytes)
            : t('packs.needs.diskText', { bytes: bytes(needs.bytes), free: bytes(free) })}
        </Row>
        <NeedsRows needs={needs} />
        <Row name={t('packs.row.licence')}>{offer.licence}</Row>
        <Row name={t('packs.row.source')}>{offer.source}</Row>
        <Row name={t('packs.row.tasks')}>{tasks}</Row>
      </dl>
      {offer.here === 'stored' && <p>{t('packs.alreadyHere')}</p>}
      <div className="pack-buttons">
        {offer.here !== 'stored' && !impossible && (
          <button type="button" className="button button-primary" onClick={() => void takeOffer()}>
            {t(fetched ? 'packs.download' : 'packs.import')}
          </button>
        )}
        <button type="button" className="button" onClick={stopAdding}>
          {t('packs.notNow')}
        </button>
      </div>
    </article>
  );
}
