import { useTranslation } from 'react-i18next';
import { ConditionsNote, Experiments } from '../features/experiments/Experiments.tsx';
import { SaveButtons, SaveOptions } from '../features/export/SaveBar.tsx';
import { JobBar } from '../features/restore/JobBar.tsx';
import { startProgress } from '../features/restore/startProgress.ts';
import { Ways } from '../features/restore/Ways.tsx';
import { ResultTools } from '../features/results/ResultTools.tsx';
import { MoreOptions } from '../features/tasks/MoreOptions.tsx';
import { TaskPicker } from '../features/tasks/TaskPicker.tsx';
import { useApp } from '../store/index.ts';

/** Everything one does with an open photo, in the order one does it. */
export function Panel() {
  const { t } = useTranslation();
  return (
    <aside className="panel" aria-label={t('app.panel')}>
      <div className="panel-body">
        <ResultTools />
        <TaskPicker />
        <ConditionsNote />
        <MoreOptions />
        <Ways />
        <Experiments />
      </div>
      <div className="panel-foot">
        <SaveOptions />
        <div className="panel-buttons">
          <JobBar />
          <SaveButtons />
        </div>
        <EngineLine />
      </div>
    </aside>
  );
}

/** Which engine runs and why, in one quiet line that opens "About this device". */
function EngineLine() {
  const { t } = useTranslation();
  const state = useApp((app) => app.engine);
  const running = useApp((app) => app.job === 'running');
  const setUi = useApp((app) => app.setUi);
  const text = state.state === 'ready' ? t(`engine.short.${state.engine.kind}`) : running ? '' : startProgress(state);
  return (
    <button
      type="button"
      className="engine-line"
      title={state.state === 'ready' ? t(whyKey(state.engine.why)) : t('actions.device')}
      onClick={() => setUi({ dialog: 'device' })}
    >
      <span className="engine-dot" data-state={state.state} aria-hidden />
      {text || t('actions.device')}
    </button>
  );
}

const WHYS = [
  'webgpu-ok',
  'no-webgpu',
  'no-adapter',
  'self-test-failed',
  'forced',
  'device-lost',
  'bad-numbers',
] as const;

/** The engine may name a reason that this version has no sentence for. */
export function whyKey(why: string): `engine.why.${(typeof WHYS)[number] | 'other'}` {
  return `engine.why.${WHYS.find((known) => known === why) ?? 'other'}`;
}
