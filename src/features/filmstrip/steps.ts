import { useApp } from '../../store/index.ts';

/** The step that the stage shows: a scrubbed one, or the one that the result comes from. */
export const stepOnStage = (state: { shownStep: number | null; keptStep: number | null }): number | null =>
  state.shownStep ?? state.keptStep;

/** Moves along the film strip; the kept step shows the result itself, at full size. */
export function goToStep(step: number): void {
  const { frames, keptStep, showStep } = useApp.getState();
  const first = frames[0]?.step;
  const last = frames.at(-1)?.step;
  if (first === undefined || last === undefined) return;
  const target = Math.min(last, Math.max(first, step));
  showStep(target === keptStep ? null : target);
}

const move = (by: number): void => {
  const state = useApp.getState();
  goToStep((stepOnStage(state) ?? state.frames.at(-1)?.step ?? 1) + by);
};

export const previousStep = (): void => move(-1);
export const nextStep = (): void => move(1);
