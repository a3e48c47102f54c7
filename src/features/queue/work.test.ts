import { afterEach, expect, it, vi } from 'vitest';
import { useApp } from '../../store/index.ts';
import { SampleFolder } from './files.sample.ts';
import { forgetQueue, keptFile } from './keep.ts';
import { addToQueue } from './work.ts';

afterEach(() => vi.unstubAllGlobals());

it('photos that are still being taken in do not outlive the deletion of all data', async () => {
  const root = new SampleFolder();
  vi.stubGlobal('navigator', { storage: { getDirectory: async () => root } });
  const files = ['a.png', 'b.png', 'c.png'].map((name) => new File(['photo'], name, { type: 'image/png' }));
  const taking = addToQueue(files);
  await new Promise<void>((resolve) => {
    const stop = useApp.subscribe(({ queue }) => {
      if (queue.length !== 1) return;
      stop();
      resolve();
    });
  });
  const first = useApp.getState().queue[0]?.id ?? '';
  // As deleteAll does.
  useApp.getState().setQueue({ queue: [] });
  await forgetQueue();
  await taking;
  expect(useApp.getState()).toMatchObject({ queue: [], taking: 0 });
  expect(await keptFile('in', first)).toBeNull();
  const kept = await (await root.getDirectoryHandle('queue')).getDirectoryHandle('in');
  expect([...kept.files.keys()]).toEqual([]);
});
