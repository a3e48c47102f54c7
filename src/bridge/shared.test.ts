import { afterEach, expect, it, vi } from 'vitest';
import { leaveShared, takeShared } from './shared.ts';

const scope = new URL('https://example.org/app/');

/** Stands for Cache Storage, which Node lacks: bodies by address, in the order in which they came. */
function stubCaches() {
  const kept = new Map<string, Response>();
  const cache = {
    put: async (url: URL, response: Response) => void kept.set(url.href, response),
    keys: async () => [...kept.keys()].map((url) => new Request(url)),
    match: async ({ url }: Request) => kept.get(url),
    delete: async ({ url }: Request) => kept.delete(url),
  };
  vi.stubGlobal('caches', { open: async () => cache });
}

afterEach(() => vi.unstubAllGlobals());

it('all photos of a share arrive, in their order, once', async () => {
  stubCaches();
  const named = (name: string, type: string) => new File([name], name, { type });
  await leaveShared([named('ä 1.jpg', 'image/jpeg'), named('same.png', 'image/png')], scope);
  // Another share before the page took the first.
  await leaveShared([named('same.png', 'image/png')], scope);
  const photos = await takeShared();
  expect(photos.map(({ name, type }) => [name, type])).toEqual([
    ['ä 1.jpg', 'image/jpeg'],
    ['same.png', 'image/png'],
    ['same.png', 'image/png'],
  ]);
  expect(await photos[0]?.text()).toBe('ä 1.jpg');
  expect(await takeShared()).toEqual([]);
});
