/** A notification when a photo is done in the background, for those who turned it on. */
import { askOwnId, type NoteData } from '../../bridge/windows.ts';
import { t } from '../../i18n/index.ts';
import { useApp } from '../../store/index.ts';

/** Asks the browser; only ever called from the switch in the settings. */
export async function allowNotifications(): Promise<boolean> {
  if (!('Notification' in window)) return false;
  return (await Notification.requestPermission()) === 'granted';
}

export function tellDone(): void {
  const { settings, photo } = useApp.getState();
  if (!settings.notify || !document.hidden || !('Notification' in window)) return;
  if (Notification.permission !== 'granted') return;
  void show(t('notify.title'), { body: photo?.name ?? '', tag: 'done' });
}

async function show(title: string, options: NotificationOptions): Promise<void> {
  // Phones only let a service worker show one.
  const registration = await navigator.serviceWorker?.getRegistration();
  const worker = registration?.active;
  if (worker) {
    const data: NoteData = { client: await askOwnId(worker) };
    await registration.showNotification(title, { ...options, data });
  } else new Notification(title, options);
}
