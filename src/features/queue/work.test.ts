import { afterEach, describe, expect, it, vi } from 'vitest';
import { useApp } from '../../store/index.ts';
import { waitingItem } from '../../store/queueSlice.ts';
import { SampleFolder } from './files.sample.ts';
import { afterReload, forgetQueue, keptFile, keptItems } from './keep.ts';
import { addToQueue, retryItem, setItemTask } from './work.ts';

/** IndexedDB, which Node has not. */
const records = new Map<string, unknown>();
vi.mock('idb-keyval', () => ({
  createStore: () => null,
  clear: async () => records.clear(),
  del: async (id: string) => void records.delete(id),
  entries: async () => [...records],
  get: async (id: string) => records.get(id),
  set: async (id: string, value: unknown) => void records.set(id, value),
}));

afterEach(() => {
  vi.unstubAllGlobals();
  records.clear();
  useApp.getState().setQueue({ queue: [], unkept: false });
});

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

describe('after a reload', () => {
  const [one, two] = ['one.png', 'two.png'].map((name) => new File([name], name, { type: 'image/png' }));
  const statuses = () => useApp.getState().queue.map(({ name, status }) => [name, status]);

  it('photos that memory alone had do not wait; chosen again they take their places', async () => {
    const root = new SampleFolder();
    root.full = true;
    vi.stubGlobal('navigator', { storage: { getDirectory: async () => root } });
    if (!one || !two) throw new Error('no files');
    await addToQueue([one]);
    root.full = false;
    await addToQueue([two]);
    const [first] = useApp.getState().queue;
    setItemTask(first?.id ?? '', 'blur');
    useApp.getState().setQueue({ queue: await keptItems() });
    expect(statuses()).toEqual([
      ['one.png', 'gone'],
      ['two.png', 'waiting'],
    ]);
    await addToQueue([new File(['another'], 'one.png', { type: 'image/png' }), one]);
    expect(statuses()).toEqual([
      ['one.png', 'waiting'],
      ['two.png', 'waiting'],
      ['one.png', 'waiting'],
    ]);
    expect(useApp.getState().queue[0]).toMatchObject({ id: first?.id, task: 'blur', bytes: 7 });
    expect((await keptItems()).map(({ status }) => status)).toEqual(['waiting', 'waiting', 'waiting']);
  });

  it.each([
    // status, stored, photo here, result here, expected
    ['waiting', false, true, false, 'waiting'],
    ['waiting', false, false, false, 'gone'],
    ['running', false, true, false, 'waiting'],
    ['running', false, false, false, 'gone'],
    ['failed', false, true, false, 'failed'],
    ['failed', false, false, false, 'gone'],
    ['skipped', false, false, false, 'skipped'],
    ['gone', false, true, false, 'waiting'],
    ['done', false, false, false, 'done'],
    ['done', true, false, true, 'done'],
    ['done', true, true, false, 'waiting'],
    ['done', true, false, false, 'gone'],
  ] as const)('%s (stored: %s, photo: %s, result: %s) is %s', (status, stored, photo, result, expected) => {
    const item = { ...waitingItem({ name: 'a', size: 1 }, 1), status, stored };
    expect(afterReload(item, photo, result).status).toBe(expected);
  });
});

it('a photo that is to be restored again has no result for the ZIP', () => {
  const done = { ...waitingItem({ name: 'a.png', size: 1 }, 1), status: 'done', saved: 'a.png', stored: true } as const;
  useApp.getState().setQueue({ queue: [done] });
  retryItem(done.id);
  // Or the button for a ZIP would be there, and do nothing.
  expect(useApp.getState().queue[0]).toMatchObject({ status: 'waiting', saved: null, stored: false });
});
