import { useTranslation } from 'react-i18next';
import type { Experiment } from '../../store/choiceSlice.ts';

const LABELS = {
  referenceId: 'experiments.referenceId',
  guidanceScale: 'experiments.guidance',
  posterior: 'experiments.posterior',
  seen: 'experiments.seen',
  promptLanguage: 'experiments.language',
  prompt: 'experiments.prompt',
} as const satisfies Record<keyof Experiment, string>;

interface TriedProps {
  readonly tried: Experiment;
  readonly approximate: boolean;
}

/** What sets a result apart from those of the same task and steps: experiments, and a model that never saw the photo. */
export function Tried({ tried, approximate }: TriedProps) {
  const { t, i18n } = useTranslation();
  const names = (Object.keys(LABELS) as (keyof Experiment)[]).filter((name) => tried[name] !== undefined);
  const list = new Intl.ListFormat(i18n.language).format(names.map((name) => t(LABELS[name])));
  return (
    <>
      {names.length > 0 && <p className="field-hint">{t('experiments.tried', { list })}</p>}
      {approximate && <p className="field-hint">{t('experiments.approximate')}</p>}
    </>
  );
}
