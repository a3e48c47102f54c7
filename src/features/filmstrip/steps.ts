import { type AppState, useApp } from '../../store/index.ts';

/** The step that the stage shows: a scrubbed one, or the one that the result comes from. */
export const stepOnStage = (state: { shownStep: number | null; keptStep: number | null }): number | null =>
  state.shownStep ?? state.keptStep;

/** Whether the result is of the job whose steps are shown, but `step` can only be looked at: the engine has not kept it. */
export const isOnlyShown = ({ result }: Pick<AppState, 'result'>, step: number): boolean =>
  result !== null && !result.keepable.includes(step);

/**
 * Moves along the film strip; the kept step shows the result itself, at full size. A large photo's job that was taken up
 * again has not all of its earlier steps any more: the move goes on to the next one that is there.
 */
export function goToStep(step: number): void {
  const state = useApp.getState();
  const { frames, keptStep, showStep } = state;
  const first = frames[0]?.step;
  const last = frames.at(-1)?.step;
  if (first === undefined || last === undefined) return;
  const there = frames.map((frame) => frame.step);
  const forward = step >= (stepOnStage(state) ?? last);
  const target = forward ? (there.find((one) => one >= step) ?? last) : (there.findLast((one) => one <= step) ?? first);
  showStep(target === keptStep ? null : target);
}

const move = (by: number): void => {
  const state = useApp.getState();
  goToStep((stepOnStage(state) ?? state.frames.at(-1)?.step ?? 1) + by);
};

export const previousStep = (): void => move(-1);
export const nextStep = (): void => move(1);
