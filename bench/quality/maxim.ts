/** Results of MAXIM on the frozen set: committed, because a run takes hours. Topped up from pictures in the cache. */
import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { TaskId } from '../../workers/packs/manifest.ts';
import type { Judge } from './measure.ts';
import { type Scores, scores } from './store.ts';
import type { Workshop } from './workshop.ts';

/** Tasks that MAXIM has weights for, with the package of each. */
export const MAXIM_TASKS: Partial<Record<TaskId, string>> = {
  noise: 'denoising',
  blur: 'deblurring',
  rain: 'deraining',
  haze: 'dehazing-outdoor',
  'low-light': 'enhancement',
};

const FILE = new URL('./maxim-results.json', import.meta.url);
const schema = z.strictObject({
  /** Hash of the set. */
  set: z.string(),
  /** By task and photo. */
  scores: z.record(z.string(), z.record(z.string(), scores)),
});
export type MaximResults = z.infer<typeof schema>['scores'];

export async function maximResults(workshop: Workshop, judge: Judge): Promise<MaximResults> {
  const text = await readFile(FILE, 'utf8').catch(() => '{"set":"","scores":{}}');
  const known = schema.parse(JSON.parse(text));
  const found: MaximResults = known.set === workshop.hash ? known.scores : {};
  let more = 0;
  for (const { task, photo } of workshop.recipe.items) {
    if (!MAXIM_TASKS[task] || found[task]?.[photo]) continue;
    const picture = await workshop.maximPicture(task, photo);
    if (!picture) continue;
    found[task] = { ...found[task], [photo]: rounded(await judge.scores(picture, photo)) };
    more++;
  }
  if (more > 0) {
    console.error(`${more} new results of MAXIM`);
    await writeFile(FILE, `${format({ set: workshop.hash, scores: found })}\n`);
  }
  return found;
}

function rounded(values: Scores): Scores {
  return scores.parse(Object.fromEntries(Object.entries(values).map(([name, v]) => [name, Number(v.toFixed(5))])));
}

/** A line a picture, photos in their order. */
function format({ set, scores: tasks }: z.infer<typeof schema>): string {
  const blocks = Object.entries(tasks).map(([task, photos]) => {
    const lines = Object.keys(photos)
      .sort()
      .map((photo) => `   ${JSON.stringify(photo)}: ${JSON.stringify(photos[photo])}`);
    return `  ${JSON.stringify(task)}: {\n${lines.join(',\n')}\n  }`;
  });
  return `{\n "set": ${JSON.stringify(set)},\n "scores": {\n${blocks.join(',\n')}\n }\n}`;
}
