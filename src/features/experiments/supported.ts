import type { PackInfo, UnfinishedJob } from '../../../workers/protocol.ts';
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

/** Of the settings that a job was begun with, those that are experiments. */
export function triedIn(switches: UnfinishedJob['switches']): Experiment {
  const { strength: _, guidanceEmbed: __, firstBlockCache: ___, skipUncond: ____, ...tried } = switches;
  return tried;
}
