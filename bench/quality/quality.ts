/** `npm run bench -- quality`: the frozen set through a pack. See options.ts for the command line. */
import type { TaskId } from '../../workers/packs/manifest.ts';
import { autoSummary } from './auto.ts';
import { autoBars, type Bar, bars } from './bars.ts';
import { compareBits } from './bits.ts';
import { checkTiles } from './checks.ts';
import { measureCost } from './cost.ts';
import { fixtureTable } from './fixtures.ts';
import { MAXIM_TASKS, maximResults } from './maxim.ts';
import { Contestant, Judge } from './measure.ts';
import { type Options, readOptions } from './options.ts';
import { writeReport, writeStill } from './report/report.ts';
import { kindOf, readRecipe, spread } from './set.ts';
import type { Scores } from './store.ts';
import { type CleanRow, jsonOf, type TaskRows } from './summary.ts';
import { autoTable, barTable, cleanTable, kindTable, overview, taskTable } from './tables.ts';
import { Workshop } from './workshop.ts';

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
  if (options.auto) return onlyAuto(contestant, workshop, options, photos);
  const maxim = await maximResults(workshop, judge);
  // What the lines of JSON need comes first: a run that is stopped has that at least.
  const ours = await columnsOf('ours', options, photos, (task, photo) => contestant.scores(task, photo));
  const clean = await cleanRows(options, contestant, photos);
  const auto = await autoSummary(contestant, workshop, contestant.autoStores, options.tasks, photos);
  const input = await columnsOf('input', options, photos, (task, photo) => judge.input(task, photo));
  const off = await columnsOf('DiT off', options, photos, (task, photo) => contestant.scores(task, photo, DIT_OFF));
  const tasks: TaskRows[] = options.tasks.map((task) => ({
    task,
    photos,
    columns: {
      input: input[task] ?? [],
      ours: ours[task] ?? [],
      'DiT off': off[task] ?? [],
      ...(MAXIM_TASKS[task] && { MAXIM: photos.map((photo) => maxim[task]?.[photo]) }),
    },
  }));
  const steps = await stepRows(options, contestant, photos, ours);
  const tables: string[] = [];
  const print = (text: string) => {
    tables.push(text);
    console.log(`${text}\n`);
  };
  for (const rows of tasks) print(taskTable(rows));
  print(overview(tasks));
  print(kindTable(tasks, (task, photo) => kindOf(workshop.recipe, task, photo)));
  print('By number of steps:');
  for (const rows of steps) print(taskTable(rows));
  print(cleanTable(clean, auto));
  if (auto) print(autoTable(auto));
  const together = tasks.map((rows, i) => ({ ...rows, columns: { ...rows.columns, ...oneStep(steps[i], photos) } }));
  print(barTable(bars(together, clean, auto, contestant.defaultSteps)));
  if (options.checks) print(barTable(await checkTiles(contestant, workshop, options)));
  const fixtures = options.fixtures && (await fixtureTable(contestant, workshop));
  if (fixtures) print(fixtures);
  const report = { contestant, workshop, tasks, tables: tables.join('\n\n') };
  if (options.report) {
    await writeReport(options.report, report);
    console.error(`report: ${options.report}`);
  }
  if (options.still) await writeStill(options.still, report);
  await contestant.engine.backend.dispose();
  if (options.bits) printBoth(await compareBits(workshop, judge, options, photos.slice(0, options.bitsPhotos)));
  if (options.cost) printBoth(await measureCost(workshop, options));
  return jsonOf(tasks, clean, auto);
}

/** What the pack proposes, and what a clean photo keeps of itself through that. */
async function onlyAuto(
  contestant: Contestant,
  workshop: Workshop,
  options: Options,
  photos: readonly string[],
): Promise<object> {
  const auto = await autoSummary(contestant, workshop, contestant.autoStores, options.tasks, photos);
  await contestant.engine.backend.dispose();
  if (!auto) throw new Error('This pack proposes no task.');
  console.log(`${cleanTable([], auto)}\n\n${autoTable(auto)}\n\n${barTable(autoBars(auto))}\n`);
  return jsonOf([], [], auto);
}

function printBoth({ text, bars: list }: { text: string; bars: Bar[] }): void {
  console.log(`${text}\n\n${barTable(list)}\n`);
}

const DIT_OFF = { ditOff: true };

type Columns = Partial<Record<TaskId, Scores[]>>;

/** One variant, task by task. */
async function columnsOf(
  name: string,
  { tasks }: Options,
  photos: readonly string[],
  measure: (task: TaskId, photo: string) => Promise<Scores>,
): Promise<Columns> {
  const columns: Columns = {};
  for (const task of tasks) {
    const start = performance.now();
    const column: Scores[] = [];
    for (const photo of photos) column.push(await measure(task, photo));
    columns[task] = column;
    console.error(`${task}, ${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  }
  return columns;
}

/** The counts of steps, on the photos that were asked for. */
async function stepRows(
  options: Options,
  contestant: Contestant,
  photos: readonly string[],
  ours: Columns,
): Promise<TaskRows[]> {
  const some = photos.slice(0, options.stepPhotos);
  const columns: Record<string, Columns> = {};
  for (const count of options.steps) {
    const name = count === 1 ? '1 step' : `${count} steps`;
    columns[name] = await columnsOf(name, options, some, (task, photo) =>
      contestant.scores(task, photo, { steps: count }),
    );
  }
  return options.tasks.map((task) => ({
    task,
    photos: some,
    columns: {
      ours: some.flatMap((photo) => ours[task]?.[photos.indexOf(photo)] ?? []),
      ...Object.fromEntries(Object.entries(columns).map(([name, of]) => [name, of[task] ?? []])),
    },
  }));
}

/** The column of one step, at the places of all photos. */
function oneStep(rows: TaskRows | undefined, photos: readonly string[]): TaskRows['columns'] {
  const column = rows?.columns['1 step'];
  if (!rows || !column) return {};
  return { '1 step': photos.map((photo) => column[rows.photos.indexOf(photo)]) };
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
