import { Collapsible } from '@base-ui/react/collapsible';
import { ChevronDown } from 'lucide-react';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { Choice } from '../../app/ui.tsx';
import type { Experiment } from '../../store/choiceSlice.ts';
import { useApp } from '../../store/index.ts';

/** 16 of 28 steps were reported to be enough (docs/open-questions.md). */
const FEWER_STEPS = 16;

/** Questions about the pack that nobody has settled, as switches. Shown for packs that have some. */
export function Experiments() {
  const { t } = useTranslation();
  const pack = useApp((state) => (state.engine.state === 'ready' ? state.engine.pack : null));
  const busy = useApp((state) => state.job === 'running');
  const tried = useApp((state) => state.experiment);
  const steps = useApp((state) => state.steps);
  const choose = useApp((state) => state.choose);
  if (!pack || Object.keys(pack.experiments).length === 0) return null;
  const can = pack.experiments;
  const set = (change: { [K in keyof Experiment]: Experiment[K] | undefined }) => {
    const next = Object.entries({ ...tried, ...change }).filter(([, value]) => value !== undefined);
    choose({ experiment: Object.fromEntries(next) });
  };
  const pick = (value: string | undefined) => value ?? 'own';
  const own = { value: 'own', label: t('experiments.own') };
  return (
    <Collapsible.Root className="options">
      <Collapsible.Trigger className="options-trigger">
        {t('experiments.title')}
        <ChevronDown className="icon" aria-hidden />
      </Collapsible.Trigger>
      <Collapsible.Panel className="options-panel">
        <p className="field-hint">{t('experiments.hint')}</p>
        {can.referenceId !== undefined && (
          <Choice
            label={t('experiments.referenceId')}
            value={pick(tried.referenceId?.toString())}
            options={[own, { value: '0', label: '0' }, { value: '1', label: '1' }]}
            disabled={busy}
            onChange={(value) => set({ referenceId: value === 'own' ? undefined : Number(value) })}
          />
        )}
        {can.guidance && (
          <Choice
            label={t('experiments.guidance')}
            value={tried.guidanceScale === 1 ? 'off' : 'own'}
            options={[own, { value: 'off', label: t('experiments.off') }]}
            disabled={busy}
            onChange={(value) => set({ guidanceScale: value === 'off' ? 1 : undefined })}
          />
        )}
        {FEWER_STEPS < pack.steps.default && (
          <Choice
            label={t('options.steps')}
            value={steps === FEWER_STEPS ? 'fewer' : 'own'}
            options={[
              {
                value: 'own',
                label: String(steps === FEWER_STEPS ? pack.steps.default : (steps ?? pack.steps.default)),
              },
              { value: 'fewer', label: String(FEWER_STEPS) },
            ]}
            disabled={busy}
            onChange={(value) => choose({ steps: value === 'fewer' ? FEWER_STEPS : null })}
          />
        )}
        {can.posterior && (
          <Choice
            label={t('experiments.posterior')}
            value={tried.posterior === 'sample' ? 'sample' : 'own'}
            options={[
              { value: 'own', label: t('experiments.mean') },
              { value: 'sample', label: t('experiments.sample') },
            ]}
            disabled={busy}
            onChange={(value) => set({ posterior: value === 'sample' ? value : undefined })}
          />
        )}
        {can.seen && (
          <Choice
            label={t('experiments.seen')}
            value={tried.seen ?? 'photo'}
            options={[
              { value: 'photo', label: t('experiments.photo') },
              { value: 'small', label: t('experiments.small') },
              { value: 'grey', label: t('experiments.grey') },
            ]}
            disabled={busy}
            onChange={(value) => set({ seen: value === 'photo' ? undefined : value })}
          />
        )}
        {can.seen && (
          <Choice
            label={t('experiments.language')}
            value={tried.promptLanguage ?? 'en'}
            options={[
              { value: 'en', label: t('experiments.en') },
              { value: 'zh', label: t('experiments.zh') },
            ]}
            disabled={busy}
            onChange={(value) => set({ promptLanguage: value === 'zh' ? value : undefined })}
          />
        )}
        {can.prompt && <OwnPrompt value={tried.prompt ?? ''} disabled={busy} onChange={(prompt) => set({ prompt })} />}
      </Collapsible.Panel>
    </Collapsible.Root>
  );
}

interface OwnPromptProps {
  readonly value: string;
  readonly disabled: boolean;
  readonly onChange: (prompt: string | undefined) => void;
}

function OwnPrompt({ value, disabled, onChange }: OwnPromptProps) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <div className="field">
      <label className="field-label" htmlFor={id}>
        {t('experiments.prompt')}
      </label>
      <input
        id={id}
        className="number text-line"
        type="text"
        maxLength={1000}
        value={value}
        disabled={disabled}
        onChange={(event) => onChange(event.target.value === '' ? undefined : event.target.value)}
      />
      <p className="field-hint">{t('experiments.promptHint')}</p>
    </div>
  );
}

/** Says that the pack's conditioning never saw the photo. */
export function ConditionsNote() {
  const { t } = useTranslation();
  const baked = useApp((state) => state.engine.state === 'ready' && state.engine.pack.conditions === 'baked');
  if (!baked) return null;
  return (
    <p className="field-hint conditions-note" role="note">
      {t('experiments.baked')}
    </p>
  );
}
