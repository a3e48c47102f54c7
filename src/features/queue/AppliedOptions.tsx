import { useTranslation } from 'react-i18next';
import { useShallow } from 'zustand/react/shallow';
import { useApp } from '../../store/index.ts';
import { MoreOptions } from '../tasks/MoreOptions.tsx';
import { APPLIED_DEFAULTS, appliedText, isDefault } from './applied.ts';

/** Steps, seed and tile may have been chosen for a single photo: without this line they would hold here unseen. */
export function AppliedOptions() {
  const { t } = useTranslation();
  const applied = useApp(useShallow(({ steps, seed, tile }) => ({ steps, seed, tile })));
  const own = useApp(({ engine }) => (engine.state === 'ready' ? engine.pack.steps.default : null));
  const { choose } = useApp.getState();
  return (
    <div className="queue-applied">
      <p className="field-hint">{appliedText(applied, own, t)}</p>
      {!isDefault(applied) && (
        <button
          type="button"
          className="button"
          onClick={({ currentTarget }) => {
            // It goes with what it undoes: the keyboard stays here.
            currentTarget.parentElement?.querySelector<HTMLElement>('.options-trigger')?.focus();
            choose(APPLIED_DEFAULTS);
          }}
        >
          {t('queue.defaults')}
        </button>
      )}
      <MoreOptions />
    </div>
  );
}
