import { renderToStaticMarkup } from 'react-dom/server';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startI18n, t } from '../../i18n/index.ts';
import { useApp } from '../../store/index.ts';
import { APPLIED_DEFAULTS, appliedText, isDefault } from './applied.ts';
import { QueueView } from './QueueView.tsx';

// Modules of the page look at it as they load.
vi.hoisted(() => vi.stubGlobal('navigator', { platform: '', userAgent: '' }));

beforeAll(async () => {
  vi.stubGlobal('document', { documentElement: {} });
  await startI18n('en');
});
afterAll(() => vi.unstubAllGlobals());

it('the queue shows what its photos are restored with, and how their results are written', () => {
  const page = renderToStaticMarkup(<QueueView />);
  const texts = ['own number of steps, seed 0, tile: as the engine likes', 'More options', 'Format', 'Metadata'];
  for (const text of texts) expect(page).toContain(text);
});

it('names every option that holds, and can undo them all', () => {
  const { choose } = useApp.getState();
  choose({ steps: 12, seed: 5, tile: 256 });
  expect(appliedText(useApp.getState(), 4, t)).toBe('Restored with 12 steps, seed 5, tile: 256 px');
  for (const one of [{ steps: 12 }, { seed: 5 }, { tile: 256 }])
    expect(isDefault({ ...APPLIED_DEFAULTS, ...one })).toBe(false);
  choose(APPLIED_DEFAULTS);
  expect(isDefault(useApp.getState())).toBe(true);
  expect(appliedText(useApp.getState(), 4, t)).toBe('Restored with 4 steps, seed 0, tile: as the engine likes');
});
