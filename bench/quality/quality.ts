/** `npm run bench -- quality`: the frozen set through a pack. See options.ts for the command line. */
import { MAXIM_TASKS, maximResults } from './maxim.ts';
import { Contestant, Judge } from './measure.ts';
import { type Options, readOptions } from './options.ts';
import { readRecipe } from './set.ts';
import { type CleanRow, jsonOf, type TaskRows } from './summary.ts';
import { cleanTable, taskTable } from './tables.ts';
import { Workshop } from './workshop.ts';

/** `count` of the photos, evenly spread. */
export function spread<T>(all: readonly T[], count: number): T[] {
  if (count >= all.length) return [...all];
  return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)] as T);
}

export async function benchQuality(args: string[]): Promise<object> {
  const options = readOptions(args);
  const workshop = new Workshop(options, await readRecipe());
  await workshop.prepare();
  if (options.maxim) await workshop.maxim();
  const judge = await Judge.open(workshop, options);
  const contestant = await Contestant.open(options.pack, options, workshop, judge);
  const photos = spread(
    workshop.recipe.clean.map(({ photo }) => photo),
    options.photos,
  );
  const tasks = await taskRows(options, workshop, judge, contestant, photos);
  const clean = await cleanRows(options, contestant, photos);
  for (const rows of tasks) console.log(`${taskTable(rows)}\n`);
  console.log(`${cleanTable(clean, null)}\n`);
  await contestant.engine.backend.dispose();
  return jsonOf(tasks, clean, null);
}

async function taskRows(
  { tasks, steps }: Options,
  workshop: Workshop,
  judge: Judge,
  contestant: Contestant,
  photos: readonly string[],
): Promise<TaskRows[]> {
  const maxim = await maximResults(workshop, judge);
  const rows: TaskRows[] = [];
  for (const task of tasks) {
    const each = async <T>(what: string, measure: (photo: string) => Promise<T>) => {
      const start = performance.now();
      const values: T[] = [];
      for (const photo of photos) values.push(await measure(photo));
      console.error(`${task}, ${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
      return values;
    };
    const columns: Record<string, readonly (Awaited<ReturnType<Judge['input']>> | undefined)[]> = {};
    columns.input = await each('input', (photo) => judge.input(task, photo));
    columns.ours = await each('ours', (photo) => contestant.scores(task, photo));
    for (const count of steps) {
      columns[`${count} ${count === 1 ? 'step' : 'steps'}`] = await each(`${count} steps`, (photo) =>
        contestant.scores(task, photo, { steps: count }),
      );
    }
    columns['DiT off'] = await each('DiT off', (photo) => contestant.scores(task, photo, { ditOff: true }));
    if (MAXIM_TASKS[task]) columns.MAXIM = photos.map((photo) => maxim[task]?.[photo]);
    rows.push({ task, photos, columns });
  }
  return rows;
}

async function cleanRows({ tasks }: Options, contestant: Contestant, photos: readonly string[]): Promise<CleanRow[]> {
  const rows: CleanRow[] = [];
  for (const task of tasks) {
    const levels: number[] = [];
    for (const photo of photos) levels.push(await contestant.cleanThrough(task, photo));
    console.error(`${task}, clean photos`);
    rows.push({ task, levels });
  }
  return rows;
}
