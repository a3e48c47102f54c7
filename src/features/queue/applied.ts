/** What of a single photo's options holds for the queue as well: its view names it and can change it. Pure. */
import type { TFunction } from 'i18next';
import type { AppState } from '../../store/index.ts';
import type { QueueItem } from '../../store/queueSlice.ts';

export type Applied = Pick<AppState, 'steps' | 'seed' | 'tile'>;

export const APPLIED_DEFAULTS: Applied = { steps: null, seed: 0, tile: null };

export const isDefault = ({ steps, seed, tile }: Applied): boolean =>
  steps === null && seed === APPLIED_DEFAULTS.seed && tile === null;

/** @param own the pack's own number of steps; null as long as no engine has started */
export function appliedText({ steps, seed, tile }: Applied, own: number | null, t: TFunction): string {
  const count = steps ?? own;
  return t('queue.applied', {
    steps: count === null ? t('queue.stepsOwn') : t('queue.steps', { count }),
    seed,
    tile: tile === null ? t('queue.tileAuto') : t('options.tilePx', { px: tile }),
  });
}

/** What an item is to be restored with: of two equal ones the results are. */
export const restoredWith = (item: QueueItem, { task, steps, seed, tile, settings }: AppState): string =>
  JSON.stringify([item.task ?? task, steps, seed, tile, settings.pack]);

/** How its result is to be written. */
export const writtenWith = ({ format, quality, settings }: AppState): string =>
  JSON.stringify([format, quality, settings.privacy]);
