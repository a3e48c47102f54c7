/** Windows of the app, as its service worker sees them: which of them a notification leads to, and how a page learns its own id. */

/** What of a browser's window client is used here. */
export interface AppWindow {
  readonly id: string;
  readonly url: string;
  focus(): Promise<unknown>;
}

interface Windows<W extends AppWindow> {
  matchAll(options: { type: 'window'; includeUncontrolled: true }): Promise<readonly W[]>;
  openWindow(url: string): Promise<unknown>;
}

/** What a notification carries: the window whose job it tells of. */
export interface NoteData {
  readonly client: string | null;
}

/** A service worker that is just starting answers late; one of an older version never does. */
const ANSWER_MS = 1_000;
const WHO = 'WHICH_CLIENT';

/**
 * The window that the notification came from if it is still there, else the app's window that was used last: the browser
 * lists that one first. Other pages of the origin may lie beside the app.
 */
export function chooseWindow<W extends Pick<AppWindow, 'id' | 'url'>>(
  windows: readonly W[],
  scope: string,
  client: string | null,
): W | undefined {
  const own = windows.filter(({ url }) => url.startsWith(scope));
  return own.find(({ id }) => id === client) ?? own[0];
}

/** Brings the app to the front for a notification with this data, in a new window where none is left. */
export async function showApp<W extends AppWindow>(clients: Windows<W>, scope: string, data: unknown): Promise<void> {
  const windows = await clients.matchAll({ type: 'window', includeUncontrolled: true });
  const chosen = chooseWindow(windows, scope, clientIn(data));
  try {
    await (chosen ? chosen.focus() : clients.openWindow(scope));
  } catch (error) {
    if (!chosen) throw error;
    // It was closed meanwhile.
    await clients.openWindow(scope);
  }
}

/** Notifications of an older version carry nothing. */
function clientIn(data: unknown): string | null {
  const isOurs = typeof data === 'object' && data !== null && 'client' in data;
  return isOurs && typeof data.client === 'string' ? data.client : null;
}

/** The id under which the service worker knows this page, which only that can tell; null where it does not. */
export async function askOwnId(worker: Pick<ServiceWorker, 'postMessage'>, waitMs = ANSWER_MS): Promise<string | null> {
  const { port1, port2 } = new MessageChannel();
  try {
    return await new Promise<string | null>((resolve) => {
      port1.onmessage = ({ data }: MessageEvent<unknown>) => resolve(typeof data === 'string' ? data : null);
      setTimeout(() => resolve(null), waitMs);
      worker.postMessage({ type: WHO }, [port2]);
    });
  } finally {
    port1.close();
  }
}

interface Question {
  readonly data: unknown;
  readonly source: object | null;
  readonly ports: readonly Pick<MessagePort, 'postMessage'>[];
}

/** The other end of `askOwnId`. */
export function answerOwnId({ data, source, ports }: Question): void {
  const isAsked = typeof data === 'object' && data !== null && 'type' in data && data.type === WHO;
  if (isAsked && source && 'id' in source) ports[0]?.postMessage(source.id);
}
