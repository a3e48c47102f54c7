import '../workers/trusted-types.ts';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App.tsx';
import { engine } from './app/engine.ts';
import { onPackEvent, packs } from './app/packs.ts';
import { startPwa } from './app/pwa.ts';
import { reflectState } from './app/reflect.ts';
import { isTestMode, mayPropose } from './bridge/params.ts';
import { listenForArrivals } from './features/import/arrivals.ts';
import { watchSpeed } from './features/packs/speed.ts';
import { findQueue } from './features/queue/work.ts';
import { findUnfinished, watchUnfinished } from './features/restore/unfinished.ts';
import { watchLook } from './features/results/look.ts';
import { loadSettings } from './features/settings/persist.ts';
import { watchPhotos } from './features/tasks/suggest.ts';
import { languageFor, startI18n } from './i18n/index.ts';
import { useApp } from './store/index.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';

declare global {
  interface Window {
    /** Only with `?test=1`: lets a test lose the GPU device. */
    __engine?: typeof engine;
    /** Only with `?test=1`: stored packs without the pages about them. */
    __packs?: { bridge: typeof packs; onEvent: typeof onPackEvent };
  }
}

await loadSettings();
await startI18n(languageFor(useApp.getState().settings.language, navigator.languages));
reflectState();
if (isTestMode(location.search)) {
  window.__engine = engine;
  window.__packs = { bridge: packs, onEvent: onPackEvent };
}

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
listenForArrivals(findQueue());
watchUnfinished();
watchLook();
watchSpeed();
if (mayPropose(location.search)) watchPhotos();
await startPwa();

// The engine starts before it is asked for: the first job waits less, and the app works offline from now on.
if (window.isSecureContext) void (savesData() ? findUnfinished() : engine.start());

/** With data saving on, the weights are fetched when a photo is to be restored. */
function savesData(): boolean {
  const { connection } = navigator as { connection?: { saveData?: boolean } };
  return connection?.saveData === true;
}
