/** What the model has to reach, held against what was measured. Pure. */
import type { TaskId } from '../../workers/packs/manifest.ts';
import { type AutoSummary, average, type CleanRow, type Measure, meanOf, type TaskRows, where } from './summary.ts';

/** Least gain of the mean PSNR over the damaged photos, dB. */
export const GAINS: Record<TaskId, number> = {
  noise: 5,
  haze: 5,
  'low-light': 7,
  rain: 3,
  compression: 1,
  blur: 1.5,
  moire: 2.5,
  flare: 2,
  reflection: 1.5,
};

export interface Bar {
  readonly what: string;
  readonly figure: string;
  readonly met: boolean;
}

/** +1 where more is better. */
const SIGN: Record<Measure, 1 | -1> = { psnr: 1, ssim: 1, resnet: -1, gmsd: -1 };
const DISTANCES = ['resnet', 'gmsd'] as const;

/** How much better `column` is than `other` on the photos that both have; null where there are none. */
function better(rows: TaskRows, column: string, other: string, measure: Measure): number | null {
  const [mine, theirs] = [rows.columns[column] ?? [], rows.columns[other] ?? []];
  const a = meanOf(where(mine, theirs), measure);
  const b = meanOf(where(theirs, mine), measure);
  return a === null || b === null ? null : SIGN[measure] * (a - b);
}

function relative(rows: TaskRows, column: string, other: string, measure: Measure): number {
  const theirs = meanOf(where(rows.columns[other] ?? [], rows.columns[column] ?? []), measure);
  const gain = better(rows, column, other, measure);
  return theirs && gain !== null ? gain / theirs : 0;
}

const signed = (value: number | null, digits: number) =>
  value === null ? 'not measured' : `${value > 0 ? '+' : ''}${value.toFixed(digits)}`;

function gainBars(tasks: readonly TaskRows[]): Bar[] {
  return tasks.map((rows) => {
    const gain = better(rows, 'ours', 'input', 'psnr') ?? 0;
    const worse = (['ssim', 'resnet', 'gmsd'] as const).filter((m) => (better(rows, 'ours', 'input', m) ?? 0) <= 0);
    return {
      what: `${rows.task}: at least ${GAINS[rows.task]} dB over the input, and better in SSIM and both distances`,
      figure: `${signed(gain, 2)} dB${worse.length > 0 ? `, worse in ${worse.join(' and ')}` : ''}`,
      met: gain >= GAINS[rows.task] && worse.length === 0,
    };
  });
}

function maximBars(tasks: readonly TaskRows[]): Bar[] {
  return tasks
    .filter(({ columns }) => columns.MAXIM)
    .map((rows) => {
      const measures = ['psnr', ...DISTANCES] as const;
      const gains = measures.map((measure) => better(rows, 'ours', 'MAXIM', measure));
      const count = (rows.columns.MAXIM ?? []).filter((scores) => scores !== undefined).length;
      const [psnr = null, resnet = null, gmsd = null] = gains;
      return {
        what: `${rows.task}: better than MAXIM in PSNR and distance`,
        figure: `PSNR ${signed(psnr, 2)} dB, ResNet ${signed(resnet, 4)}, GMSD ${signed(gmsd, 4)} (+ is ours), ${count} photos`,
        met: gains.every((gain) => gain !== null && gain > 0),
      };
    });
}

/** Tasks on which a column is better than another by the least PSNR or the least share of one of the distances. */
function ahead(tasks: readonly TaskRows[], column: string, other: string, decibels: number, share: number): TaskId[] {
  const wins = tasks.filter(
    (rows) =>
      (better(rows, column, other, 'psnr') ?? 0) >= decibels ||
      DISTANCES.some((measure) => relative(rows, column, other, measure) >= share),
  );
  return wins.map(({ task }) => task);
}

/** @param steps the pack's default number of steps */
export function bars(
  tasks: readonly TaskRows[],
  clean: readonly CleanRow[],
  auto: AutoSummary | null,
  steps: number,
): Bar[] {
  const earns = ahead(tasks, 'ours', 'DiT off', 1, 0.1);
  const longer = ahead(tasks, 'ours', '1 step', 0.005, 0.001);
  const worst = clean
    .map(({ task, levels }) => ({ task, level: average(levels) }))
    .sort((a, b) => a.level - b.level)[0];
  const list = (names: readonly string[]) => `${names.length}: ${names.join(', ')}`;
  const all: Bar[] = [
    ...gainBars(tasks),
    ...maximBars(tasks),
    { what: 'DiT on against off: 1 dB or 10 % of a distance, 6 tasks', figure: list(earns), met: earns.length >= 6 },
  ];
  // Without a column of one step there is nothing to say.
  if (steps === 1 || tasks.some(({ columns }) => columns['1 step'])) {
    all.push({
      what: `${steps} steps (default) better than 1 in PSNR or a distance, 3 tasks`,
      figure: steps === 1 ? 'the default is 1 step' : list(longer),
      met: steps === 1 || longer.length >= 3,
    });
  }
  if (worst) {
    const figure = `${worst.level.toFixed(2)} dB through ${worst.task}`;
    all.push({ what: 'a clean photo keeps 34 dB through any task', figure, met: worst.level >= 34 });
  }
  if (auto) all.push(...autoBars(auto));
  return all;
}

/** The bars of the proposed tasks alone. */
export function autoBars(auto: AutoSummary): Bar[] {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const low = Object.entries(auto.tasks).filter(([, share]) => share < 0.85);
  const kept = average(auto.clean);
  return [
    { what: 'auto right on 85 % of the set', figure: percent(auto.accuracy), met: auto.accuracy >= 0.85 },
    {
      what: 'auto right on 85 % of every task',
      figure: low.length === 0 ? 'all' : `below: ${low.map(([task, share]) => `${task} ${percent(share)}`).join(', ')}`,
      met: low.length === 0,
    },
    { what: 'clean photos called anything else: 5 %', figure: percent(auto.cleanWrong), met: auto.cleanWrong <= 0.05 },
    { what: 'a clean photo keeps 38 dB through auto', figure: `${kept.toFixed(2)} dB`, met: kept >= 38 },
  ];
}
