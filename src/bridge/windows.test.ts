import { describe, expect, it, vi } from 'vitest';
import { answerOwnId, askOwnId, chooseWindow, showApp } from './windows.ts';

const scope = 'https://example.org/app/';
const blog = { id: 'blog', url: 'https://example.org/blog/' };
/** In the browser's order: the one that was used last comes first. */
const last = { id: 'last', url: scope };
const worker = { id: 'worker', url: `${scope}?shared=1` };

describe('the window that a notification leads to', () => {
  it('is the one whose job ended, though another one was used later', () => {
    expect(chooseWindow([blog, last, worker], scope, 'worker')).toBe(worker);
  });

  it("is the app's that was used last where that one is gone, or is not known", () => {
    expect(chooseWindow([blog, last], scope, 'worker')).toBe(last);
    expect(chooseWindow([blog, last, worker], scope, null)).toBe(last);
  });

  it('is none of another page of the origin', () => {
    expect(chooseWindow([blog], scope, 'blog')).toBeUndefined();
    expect(chooseWindow([], scope, 'worker')).toBeUndefined();
  });
});

/** Stands for the service worker's clients; a window named in `closing` is gone before it can be focused. */
function clients(windows: readonly { id: string; url: string }[], closing = '') {
  const shown: string[] = [];
  const focusable = windows.map((one) => ({
    ...one,
    focus: async () => {
      if (one.id === closing) throw new DOMException('gone', 'InvalidAccessError');
      shown.push(one.id);
    },
  }));
  const openWindow = async (url: string) => void shown.push(`new ${url}`);
  return { shown, matchAll: async () => focusable, openWindow };
}

describe('a click on a notification', () => {
  it('brings the window whose job ended to the front', async () => {
    const all = clients([last, worker]);
    await showApp(all, scope, { client: 'worker' });
    expect(all.shown).toEqual(['worker']);
  });

  it.each([null, undefined, 'done', { client: 7 }])(
    'takes the one used last for %o from an older version',
    async (data) => {
      const all = clients([last, worker]);
      await showApp(all, scope, data);
      expect(all.shown).toEqual(['last']);
    },
  );

  it('opens the app where no window of it is left, or it closes just now', async () => {
    const none = clients([blog]);
    await showApp(none, scope, { client: 'worker' });
    expect(none.shown).toEqual([`new ${scope}`]);
    const closing = clients([worker], 'worker');
    await showApp(closing, scope, { client: 'worker' });
    expect(closing.shown).toEqual([`new ${scope}`]);
  });
});

describe('a page asks for its own id', () => {
  const source = { id: 'page' };

  it('and hears it from the service worker', async () => {
    const postMessage = (data: unknown, ports: Transferable[]) =>
      answerOwnId({ data, source, ports: ports as MessagePort[] });
    expect(await askOwnId({ postMessage } as ServiceWorker)).toBe('page');
  });

  it('and goes on without where an older service worker does not answer', async () => {
    expect(await askOwnId({ postMessage: () => undefined }, 10)).toBeNull();
  });

  it('which other messages do not get', () => {
    const port = { postMessage: vi.fn() };
    for (const data of [null, 'x', { type: 'SKIP_WAITING' }]) answerOwnId({ data, source, ports: [port] });
    expect(port.postMessage).not.toHaveBeenCalled();
  });
});
