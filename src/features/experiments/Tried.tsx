import type { TFunction } from 'i18next';
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
const NAMES = Object.keys(LABELS) as (keyof Experiment)[];

/** What an experiment was set to; absent where it was off. */
function shownValue(name: keyof Experiment, tried: Experiment, t: TFunction): string | undefined {
  switch (name) {
    case 'posterior':
    case 'seen':
    case 'promptLanguage': {
      const value = tried[name];
      return value && t(`experiments.${value}`);
    }
    case 'guidanceScale':
      return tried.guidanceScale === 1 ? t('experiments.off') : tried.guidanceScale?.toString();
    default:
      return tried[name]?.toString();
  }
}

interface TriedProps {
  readonly tried: Experiment;
  readonly approximate: boolean;
}

/** What sets a result apart from those of the same task and steps: experiments, and a model that never saw the photo. */
export function Tried({ tried, approximate }: TriedProps) {
  const { t, i18n } = useTranslation();
  const settings = NAMES.flatMap((name) => {
    const value = shownValue(name, tried, t);
    return value === undefined ? [] : [t('experiments.setting', { name: t(LABELS[name]), value })];
  });
  const list = new Intl.ListFormat(i18n.language).format(settings);
  return (
    <>
      {settings.length > 0 && <p className="field-hint">{t('experiments.tried', { list })}</p>}
      {approximate && <p className="field-hint">{t('experiments.approximate')}</p>}
    </>
  );
}
