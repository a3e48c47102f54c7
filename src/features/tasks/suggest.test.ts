import { expect, it, vi } from 'vitest';
import type { EngineInfo, PackInfo, Proposal } from '../../../workers/protocol.ts';
import { engine } from '../../app/engine.ts';
import { useApp } from '../../store/index.ts';
import type { Photo } from '../../store/photoSlice.ts';
import { sampleInfo } from '../../store/sample.ts';
import { watchPhotos } from './suggest.ts';

const app = useApp.getState;
const view = { width: 1, height: 1, close: () => undefined } as ImageBitmap;
const ready = (name: string) =>
  ({ state: 'ready', engine: {} as EngineInfo, pack: { name, version: '1', auto: true } as PackInfo }) as const;
const proposal = (task: Proposal['task']): Proposal => ({ classes: [], top: task, sure: 0.9, task, strength: 1 });

it('another pack is asked about the same photo, and its own answer shown', async () => {
  const propose = vi.spyOn(engine, 'propose');
  propose.mockResolvedValueOnce({ ok: true, value: proposal('noise') });
  watchPhotos();
  app().setEngine(ready('one'));
  app().setPhoto({ name: 'a.png', info: sampleInfo, view } as Photo);
  await vi.waitFor(() => expect(app()).toMatchObject({ proposal: { task: 'noise' }, task: 'noise' }));
  propose.mockResolvedValueOnce({ ok: true, value: proposal('blur') });
  app().setEngine({ state: 'starting', event: null });
  app().setEngine(ready('two'));
  await vi.waitFor(() => expect(app()).toMatchObject({ proposal: { task: 'blur' }, task: 'blur' }));
  // The same pack again, as on another device, has nothing else to say.
  app().setEngine({ state: 'starting', event: null });
  app().setEngine(ready('two'));
  expect(propose).toHaveBeenCalledTimes(2);
});
