/** How long a pack would take on this device, from how long the last job took. */
import type { PackNeeds } from '../../../workers/packs/protocol.ts';
import { type AppState, useApp } from '../../store/index.ts';
import type { Measured } from '../../store/packsSlice.ts';

const MEGAPIXEL = 1e6;

/** Smaller photos take as long as starting the graphs does: that says nothing of larger ones. */
const LEAST_SIDE = 256;

/** What a finished job tells; null where its photo was too small to tell anything. */
export function measure(state: Pick<AppState, 'result' | 'engine' | 'photo' | 'tile'>): Measured | null {
  const { result, engine, photo, tile } = state;
  if (!result || engine.state !== 'ready' || !photo) return null;
  const side = Math.min(tile ?? engine.pack.tile, engine.pack.tile);
  const { width, height } = photo.info;
  if (Math.min(width, height) < LEAST_SIDE || result.milliseconds.denoise <= 0) return null;
  return {
    pack: { name: engine.pack.name, version: engine.pack.version },
    engine: engine.engine.kind,
    // About: a photo smaller than a tile is one tile of its own size.
    pixels: result.steps * result.tiles * Math.min(side, width) * Math.min(side, height),
    seconds: result.milliseconds.denoise / 1000,
  };
}

const perPixel = ({ macsPerStep, tile }: PackNeeds): number => macsPerStep / (tile * tile);

/**
 * Seconds of the transformer for a photo of one megapixel with the pack's default number of steps.
 *
 * @param measured a job @param used needs of the pack that ran it @param needs of the pack in question
 */
export function secondsPerMegapixel(measured: Measured, used: PackNeeds, needs: PackNeeds): number {
  const rate = (perPixel(used) * measured.pixels) / measured.seconds;
  return (perPixel(needs) * MEGAPIXEL * needs.steps.default) / rate;
}

/** Keeps the speed of the newest whole job. One that was taken up again did only a part of its steps here. */
export function watchSpeed(): void {
  let firstStep: number | null = null;
  useApp.subscribe((state, before) => {
    if (state.job === 'running' && before.job !== 'running') firstStep = null;
    if (state.progress?.stage === 'denoise') firstStep ??= state.progress.step;
    const finished = state.job === 'done' && before.job === 'running' && state.jobKind === 'restore';
    if (!finished || (firstStep ?? 0) > 1) return;
    const measured = measure(state);
    if (measured) state.setPacks({ measured });
  });
}
