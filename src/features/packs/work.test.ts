import { beforeEach, expect, it, vi } from 'vitest';
import type { StoredPack } from '../../../workers/packs/protocol.ts';
import type { EngineInfo, PackInfo } from '../../../workers/protocol.ts';
import { engine } from '../../app/engine.ts';
import { packs } from '../../app/packs.ts';
import { useApp } from '../../store/index.ts';
import { sampleResult } from '../../store/sample.ts';
import { choosePack, continuePack, removePack, waitsForStart } from './work.ts';

// Where the app lies: the door to packs asks for it when it is loaded, and the page is not there in Node.
vi.hoisted(() => vi.stubGlobal('document', { baseURI: 'https://example.org/' }));

const before = { name: 'test', version: '1' };
const next = { name: 'test', version: '2' };
const pack = { id: next, title: 'Test' } as StoredPack;
const app = useApp.getState;

function withResult(): void {
  const image = { width: 1, height: 1, close: () => undefined };
  const result = sampleResult();
  const entry = { id: 2, task: 'noise', steps: 4, seed: 0, tried: {}, approximate: false, base: [], result } as const;
  app().addResult(entry, { id: 2, restored: image, below: null }, { strength: 1, mask: null });
}

beforeEach(() => {
  useApp.setState(useApp.getInitialState(), true);
  vi.restoreAllMocks();
  app().setSettings({ pack: before });
  app().setUi({ dialog: 'packs' });
  // Workers have no place in Node. What counts here is which version is used afterwards.
  vi.spyOn(packs, 'list').mockResolvedValue({ ok: false, code: 'cancelled', detail: '', values: {} });
  vi.spyOn(packs, 'inspect').mockResolvedValue({ ok: false, code: 'cancelled', detail: '', values: {} });
  vi.spyOn(packs, 'resume').mockResolvedValue({ ok: true, value: next });
  vi.spyOn(engine, 'restart').mockReturnValue();
});

it('an update of the pack in use is used at once', async () => {
  await continuePack(pack);
  expect(app().settings.pack).toEqual(next);
  expect(engine.restart).toHaveBeenCalledOnce();
});

it('an update that comes during a job is used from the next start on, so that the version before can go', async () => {
  app().beginJob('restore');
  await continuePack(pack);
  expect(app().settings.pack).toEqual(next);
  expect(engine.restart).not.toHaveBeenCalled();
});

it('an update of another pack changes nothing', async () => {
  const other = { name: 'other', version: '1' };
  app().setSettings({ pack: other });
  await continuePack(pack);
  expect(app().settings.pack).toEqual(other);
  expect(engine.restart).not.toHaveBeenCalled();
});

it('an update lets no result go: it is used from the next start on', async () => {
  withResult();
  await continuePack(pack);
  expect(app().settings.pack).toEqual(next);
  expect(engine.restart).not.toHaveBeenCalled();
  expect(app().current).toBe(2);
});

it('an update that waits for the next start is told apart from the version that runs, and can be used at once', async () => {
  const run = (version: string) => {
    app().setEngine({ state: 'ready', engine: {} as EngineInfo, pack: { name: 'test', version } as PackInfo });
  };
  run('1');
  expect(waitsForStart(app(), before)).toBe(false);
  withResult();
  await continuePack(pack);
  expect(waitsForStart(app(), next)).toBe(true);
  // The version that still runs was not chosen any more; another pack's version says nothing.
  expect(waitsForStart(app(), before)).toBe(false);
  expect(waitsForStart(app(), { name: 'other', version: '2' })).toBe(false);
  choosePack(next);
  app().restart?.();
  expect(engine.restart).toHaveBeenCalledOnce();
  run('2');
  expect(waitsForStart(app(), next)).toBe(false);
});

it('another pack is not taken before a person has agreed that results go', () => {
  withResult();
  choosePack(null);
  expect(app().settings.pack).toEqual(before);
  expect(engine.restart).not.toHaveBeenCalled();
  app().restart?.();
  expect(app()).toMatchObject({ settings: { pack: null }, results: [] });
  expect(engine.restart).toHaveBeenCalledOnce();
});

it('removing the pack in use, which has a question of its own, asks no second one', async () => {
  withResult();
  vi.spyOn(packs, 'remove').mockResolvedValue({ ok: true, value: { freed: 1 } });
  await removePack({ ...pack, id: before });
  expect(app()).toMatchObject({ settings: { pack: null }, results: [], resultsLost: false, restart: null });
  expect(engine.restart).toHaveBeenCalledOnce();
});
