/** Sentences of the pack manager that depend on values. */
import type { TFunction } from 'i18next';
import type { Part } from '../../../workers/packs/manifest.ts';
import type { PackOrigin, PackStatus } from '../../../workers/packs/protocol.ts';
import { bytesText } from '../../app/amounts.ts';
import { errorText } from '../../app/errorText.ts';
import type { Failure } from '../../bridge/outcome.ts';
import type { PackNews } from '../../store/packsSlice.ts';
import { timeLeft } from '../restore/progress.ts';

/** The codes whose usual sentence speaks of the engine and the photo. */
const OWN_SENTENCES = ['pack-missing', 'pack-damaged', 'internal'] as const;

/** What happened and what to do; `detail` is the worker's plain English on what was wrong with a pack. */
export function packErrorText(failure: Failure, t: TFunction, language: string) {
  const own = OWN_SENTENCES.find((code) => code === failure.code);
  if (!own) return { ...errorText(failure, t, language), detail: '' };
  const file = failure.values.file ?? 'manifest.json';
  const title = t(`packs.errors.${own}.title`);
  return { title, text: t(`packs.errors.${own}.text`, { file }), detail: own === 'pack-missing' ? '' : failure.detail };
}

export function newsText(news: Exclude<PackNews, { kind: 'failed' }>, t: TFunction, language: string): string {
  switch (news.kind) {
    case 'sound':
    case 'exported':
      return t(`packs.news.${news.kind}`, { bytes: bytesText(news.bytes, language) });
    case 'broken':
      return t('packs.news.broken', { files: new Intl.ListFormat(language).format(news.files) });
    case 'removed':
      return t('packs.news.removed', { title: news.title, bytes: bytesText(news.bytes, language) });
    case 'stored':
      return t('packs.news.stored', { title: news.title });
    case 'latest':
      return t('packs.news.latest');
  }
}

type Moving = Exclude<PackStatus, { state: 'idle' | 'done' | 'failed' }>;

/** "12.3 MB of 45 MB · 3.1 MB/s · about 20 s left" */
export function movingText(status: Moving, t: TFunction, language: string): string {
  const parts = [
    t('packs.amount', { done: bytesText(status.done, language), total: bytesText(status.total, language) }),
  ];
  if ('rate' in status) {
    if (status.rate !== null && status.rate > 0)
      parts.push(t('packs.rate', { bytes: bytesText(status.rate, language) }));
    const left = status.done < status.total ? timeLeft(status.secondsLeft) : null;
    if (left) parts.push(left.unit === 'soon' ? t('job.soon') : t(`job.${left.unit}`, { count: left.count }));
  }
  return parts.join(' · ');
}

export const originText = (origin: PackOrigin, t: TFunction): string =>
  origin.kind === 'url' ? origin.url : t(`packs.from.${origin.kind}`, { name: origin.label });

/** An engine runs packs that have all of these. */
const PARTS: readonly Part[] = ['dit', 'vae', 'text'];

export const missingParts = (parts: readonly Part[]): Part[] => PARTS.filter((part) => !parts.includes(part));
