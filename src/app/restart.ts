/** The engine started anew for what a person changed. Results of the open photo lie in its worker and go with it. */
import { useApp } from '../store/index.ts';
import { engine } from './engine.ts';

/** For those who know that results go. */
export function restartEngine(): void {
  useApp.getState().resetResults();
  engine.restart();
}

/** Makes a change that the engine has to start anew for; where results would go with it, once that was answered. */
export function restartWith(change: () => void): void {
  const { results, setUi } = useApp.getState();
  const run = () => {
    change();
    restartEngine();
  };
  if (results.length > 0) setUi({ restart: run });
  else run();
}
