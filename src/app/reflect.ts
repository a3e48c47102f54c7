/** The state that styles and tests read from the document's root: theme, engine, job. */
import { languageFor, speak } from '../i18n/index.ts';
import { type AppState, useApp } from '../store/index.ts';

function reflect({ settings, engine, job, paused }: AppState): void {
  const { dataset } = document.documentElement;
  if (settings.theme === 'system') delete dataset.theme;
  else dataset.theme = settings.theme;
  dataset.engineState = engine.state;
  if (engine.state === 'ready') dataset.engine = engine.engine.kind;
  else delete dataset.engine;
  dataset.job = job;
  if (paused) dataset.paused = '';
  else delete dataset.paused;
}

export function reflectState(): void {
  reflect(useApp.getState());
  useApp.subscribe((state, before) => {
    reflect(state);
    if (state.settings.language !== before.settings.language) {
      speak(languageFor(state.settings.language, navigator.languages));
    }
  });
}
