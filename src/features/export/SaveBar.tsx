import { action } from '../../app/actions.ts';
import { ActionButton } from '../../app/ui.tsx';
import { type AppState, useApp } from '../../store/index.ts';
import { SaveChoices } from './SaveChoices.tsx';

const isReady = (state: AppState): boolean => state.result !== null && state.job !== 'running';

/** How the result is to be saved. */
export function SaveOptions() {
  return useApp(isReady) ? <SaveChoices /> : null;
}

export function SaveButtons() {
  const ready = useApp(isReady);
  if (!ready) return null;
  return (
    <>
      <ActionButton id="save" look="primary" />
      {action('share').offered?.() && <ActionButton id="share" look="icon" />}
    </>
  );
}
