import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { engine } from '../../app/engine.ts';
import { fail } from '../../bridge/outcome.ts';
import { useApp } from '../../store/index.ts';
import { closePhoto, openPhoto } from '../import/openPhoto.ts';
import { type Demo, openDemo } from './demos.ts';

const demo = (file: string, task: Demo['task']): Demo => ({
  ...{ file, task, thumb: '', title: { en: '', zh: '' }, degraded: { en: '', zh: '' } },
  ...{ author: '', licence: '', source: '' },
});
const rain = demo('rain.jpg', 'rain');
const haze = demo('haze.jpg', 'haze');

/** By address: lets the fetch that waits for it go on. */
const answers = new Map<string, (response: Response) => void>();
const answer = (file: string, response = new Response('photo')) => answers.get(`https://app/demo/${file}`)?.(response);

beforeEach(() => {
  useApp.setState(useApp.getInitialState(), true);
  vi.stubGlobal('document', { baseURI: 'https://app/' });
  vi.stubGlobal('fetch', (url: string) => new Promise<Response>((resolve) => answers.set(url, resolve)));
  // The worker has no place in Node. What counts here is which photos it is asked to open.
  vi.spyOn(engine, 'open').mockImplementation(async () => fail('not-an-image'));
  vi.spyOn(engine, 'close').mockImplementation(() => undefined);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const opened = () => vi.mocked(engine.open).mock.calls.map(([file]) => (file instanceof File ? file.name : ''));

describe('a demo photo', () => {
  it('is opened with its task', async () => {
    const done = openDemo(rain);
    answer('rain.jpg');
    await done;
    expect([opened(), useApp.getState().task]).toEqual([['rain.jpg'], 'rain']);
  });

  it('that comes late leaves alone what was opened, closed or queued meanwhile', async () => {
    for (const meanwhile of [
      () => openPhoto(new File(['own'], 'own.jpg')),
      closePhoto,
      () => useApp.getState().setQueue({ queueOpen: true }),
    ]) {
      const { task } = useApp.getState();
      const done = openDemo(rain);
      await meanwhile();
      const before = opened();
      answer('rain.jpg');
      await done;
      expect([opened(), useApp.getState().task]).toEqual([before, task]);
    }
  });

  it('gives way to one that was chosen after it, whichever comes first, and its failure is not told', async () => {
    const first = openDemo(rain);
    const second = openDemo(haze);
    answer('rain.jpg', new Response(null, { status: 404 }));
    await first;
    expect(useApp.getState().failure).toBeNull();
    answer('haze.jpg');
    await second;
    expect([opened(), useApp.getState().task]).toEqual([['haze.jpg'], 'haze']);
  });

  it('says that it could not be fetched', async () => {
    const done = openDemo(rain);
    answer('rain.jpg', new Response(null, { status: 404 }));
    await done;
    expect(useApp.getState().failure?.code).toBe('demo-missing');
  });
});
