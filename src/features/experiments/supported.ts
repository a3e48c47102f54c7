import type { PackInfo } from '../../../workers/protocol.ts';
import type { Experiment } from '../../store/choiceSlice.ts';

/** What of the experiment the pack can do: the choice may come from another pack's panel. */
export function supported(chosen: Experiment, can: PackInfo['experiments']): Experiment {
  const { referenceId, guidanceScale, posterior, seen, promptLanguage, prompt } = chosen;
  return {
    ...(can.referenceId !== undefined && referenceId !== undefined && { referenceId }),
    ...(can.guidance && guidanceScale !== undefined && { guidanceScale }),
    ...(can.posterior && posterior !== undefined && { posterior }),
    ...(can.seen && seen !== undefined && { seen }),
    ...(can.seen && promptLanguage !== undefined && { promptLanguage }),
    ...(can.prompt && prompt !== undefined && prompt.trim() !== '' && { prompt }),
  };
}
