/** Small pieces that the pack manager's cards share. */
import { Collapsible } from '@base-ui/react/collapsible';
import { Progress } from '@base-ui/react/progress';
import { ChevronDown, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { TaskId } from '../../../workers/packs/manifest.ts';
import type { PackStatus } from '../../../workers/packs/protocol.ts';
import type { Failure } from '../../bridge/outcome.ts';
import { movingText, packErrorText } from './texts.ts';

export function FailureText({ failure }: { failure: Failure }) {
  const { t, i18n } = useTranslation();
  const { title, text, detail } = packErrorText(failure, t, i18n.language);
  return (
    <div className="pack-failure" role="alert">
      <TriangleAlert className="icon" aria-hidden />
      <div>
        <p className="notice-title">{title}</p>
        <p>{text}</p>
        {/* The worker's own words, which are English. */}
        {detail && (
          <p className="pack-detail" lang="en">
            {detail}
          </p>
        )}
      </div>
    </div>
  );
}

export function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="sheet-row">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function Details({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <Collapsible.Root>
      <Collapsible.Trigger className="options-trigger">
        {t('packs.details')}
        <ChevronDown className="icon" aria-hidden />
      </Collapsible.Trigger>
      <Collapsible.Panel className="pack-details">{children}</Collapsible.Panel>
    </Collapsible.Root>
  );
}

export function useTaskNames(tasks: readonly TaskId[]): string {
  const { t, i18n } = useTranslation();
  return new Intl.ListFormat(i18n.language).format(tasks.map((task) => t(`tasks.${task}.name`)));
}

type Moving = Exclude<PackStatus, { state: 'idle' | 'done' | 'failed' }>;

export function PackProgress({ status, title }: { status: Moving; title: string }) {
  const { t, i18n } = useTranslation();
  const fraction = status.total > 0 ? status.done / status.total : 0;
  const percent = new Intl.NumberFormat(i18n.language, { style: 'percent' }).format(Math.floor(fraction * 100) / 100);
  return (
    <div className="pack-progress" data-still={status.state === 'paused' || undefined}>
      <Progress.Root
        className="job-progress"
        value={Math.floor(fraction * 100)}
        aria-label={t('packs.progress', { title })}
      >
        <div className="field-row">
          <span>{t(`packs.state.${status.state}`)}</span>
          <span className="job-percent">{percent}</span>
        </div>
        <Progress.Track className="job-track">
          <Progress.Indicator className="job-indicator" />
        </Progress.Track>
      </Progress.Root>
      <p className="field-hint job-parts">{movingText(status, t, i18n.language)}</p>
    </div>
  );
}
