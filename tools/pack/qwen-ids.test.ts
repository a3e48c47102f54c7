import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { TASK_IDS, type TaskId } from '../../workers/packs/manifest.ts';
import { sequenceOf } from '../../workers/pipeline/qwen/sequence.ts';
import {
  CLOSE_IMAGE_IDS,
  CLOSE_PROMPT_IDS,
  IMAGE_ID,
  INSTRUCTION_IDS,
  OPEN_IMAGE_IDS,
  PROMPT_IDS,
} from './qwen-ids.ts';

const sha256 = (ids: readonly number[]) => createHash('sha256').update(ids.join(',')).digest('hex');

/** The sequence that the reference tokenises, for an image of `groups` groups in one row. */
function whole(prompt: readonly number[], groups: number): number[] {
  const spec = { prefix: 224, closeImage: CLOSE_IMAGE_IDS, closePrompt: CLOSE_PROMPT_IDS };
  const { ids, image } = sequenceOf({ rows: 1, columns: groups }, [prompt], spec);
  return [...INSTRUCTION_IDS, ...OPEN_IMAGE_IDS, ...Array<number>(image).fill(IMAGE_ID), ...ids];
}

/** Tokens that are kept beside those of the image (realrestorer.md D.2). */
const KEPT: Readonly<Record<TaskId, number>> = {
  blur: 22,
  compression: 21,
  flare: 24,
  moire: 23,
  haze: 19,
  'low-light': 27,
  noise: 20,
  rain: 25,
  reflection: 21,
};
/** Words of the Chinese prompts (realrestorer.md A.2), in the order of the tasks. */
const CHINESE = [9, 9, 10, 9, 6, 15, 6, 10, 7];

describe('token ids', () => {
  it('of the instruction are the published ones', () => {
    expect(INSTRUCTION_IDS).toHaveLength(217);
    expect(INSTRUCTION_IDS.reduce((a, b) => a + b, 0)).toBe(2996145);
    expect(sha256(INSTRUCTION_IDS)).toBe('0ae8735143d04a4f50d2b20b88c51c9792fcbe912c7aa0d86b6205235e09baa2');
  });

  it('of the whole haze sequence are the published ones', () => {
    const ids = whole(PROMPT_IDS.haze.en, 1);
    expect(ids).toHaveLength(237);
    expect(sha256(ids)).toBe('671df83f09094b89df2cf53dfeda71d1ff820b0b524ae320b092ffbef68e8319');
  });

  // The table of realrestorer.md A.2, written down a second time.
  it.each<[TaskId, string]>([
    ['blur', '5501,409,33542,279,2168,323,1281,432,95469'],
    ['compression', '5501,14952,279,2168,31273,323,35036,13'],
    ['flare', '5501,4057,279,18342,60263,323,80134,504,279,2168,13'],
    ['moire', '5501,4057,279,4544,404,963,12624,504,279,2168'],
    ['haze', '5501,409,71,9832,279,2168'],
    ['low-light', '5501,14952,419,3347,22092,2168,11,41286,1181,4622,32206,323,31273,13'],
    ['noise', '5501,4057,11980,504,279,2168,13'],
    ['rain', '5501,4057,279,11174,504,279,2168,323,14952,1181,31273,13'],
    ['reflection', '5501,4057,279,21844,504,279,2168,13'],
  ])('of the English prompt for %s are the published ones', (task, ids) => {
    expect(PROMPT_IDS[task].en.join()).toBe(ids);
  });

  it('leave as many rows as the reference keeps, also without words', () => {
    for (const task of TASK_IDS) {
      expect(whole(PROMPT_IDS[task].en, 300).length - 217 - 300, task).toBe(KEPT[task]);
    }
    expect(whole([], 300).length - 217 - 300).toBe(13);
  });

  it('of the Chinese prompts have the published lengths and begin with 请', () => {
    expect(TASK_IDS.map((task) => PROMPT_IDS[task].zh.length)).toEqual(CHINESE);
    for (const task of TASK_IDS) expect(PROMPT_IDS[task].zh[0]).toBe(14880);
  });

  it('of all English sequences, the two other prompts of the release among them, are 182 different ones', () => {
    // "Restore the details and keep the original composition.", and moiré without its accent.
    const others = [
      [56284, 279, 3565, 323, 2506, 279, 4024, 18037, 13],
      [5501, 4057, 279, 4544, 554, 12624, 504, 279, 2168],
    ];
    const prompts = [...TASK_IDS.map((task) => PROMPT_IDS[task].en), ...others];
    expect(new Set(prompts.flatMap((prompt) => whole(prompt, 1))).size).toBe(182);
  });
});
