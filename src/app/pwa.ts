/** The service worker, updates, installation. Updates wait until the person says so. */
import { t } from '../i18n/index.ts';
import { useApp } from '../store/index.ts';
import { toast } from './toast.ts';
import { registerWorker } from './update.ts';

/** Once a tab: a host without isolation headers gets them from the service worker, which needs one reload. */
const RELOADED = 'reloaded-for-isolation';
/** A service worker that installs more slowly than this must not hold the engine back. */
const WAIT_MS = 8_000;

interface InstallPrompt extends Event {
  prompt: () => Promise<unknown>;
}

/** Registers, and resolves when the page may start the engine: at once, unless it is about to reload. */
export async function startPwa(): Promise<void> {
  window.addEventListener('beforeinstallprompt', (event) => {
    event.preventDefault();
    const install = () => {
      void (event as InstallPrompt).prompt();
      useApp.getState().setUi({ install: null });
    };
    useApp.getState().setUi({ install });
  });
  window.addEventListener('appinstalled', () => useApp.getState().setUi({ install: null }));
  if (!('serviceWorker' in navigator) || import.meta.env.DEV) return;

  void registerWorker((change) => toast(t('update.ready'), { label: t('update.reload'), run: change }));
  if (crossOriginIsolated || sessionStorage.getItem(RELOADED)) return;
  await Promise.race([navigator.serviceWorker.ready, new Promise((resolve) => setTimeout(resolve, WAIT_MS))]);
  const { photo, opening } = useApp.getState();
  if (photo || opening || !(await navigator.serviceWorker.getRegistration())?.active) return;
  sessionStorage.setItem(RELOADED, '1');
  location.reload();
  // Nothing more on a page that is going away.
  await new Promise(() => {});
}
