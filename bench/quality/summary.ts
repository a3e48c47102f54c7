/** Means of what was measured, and the line of JSON. Pure. */
import type { TaskId } from '../../workers/packs/manifest.ts';
import type { Scores } from './store.ts';

export type Measure = keyof Scores;
export const MEASURES: readonly Measure[] = ['psnr', 'ssim', 'resnet', 'gmsd'];

export interface TaskRows {
  readonly task: TaskId;
  readonly photos: readonly string[];
  /** By name of the variant, then in the order of `photos`; undefined where it was not measured. */
  readonly columns: Readonly<Record<string, readonly (Scores | undefined)[]>>;
}

export interface CleanRow {
  readonly task: TaskId;
  /** dB to itself, photo by photo. */
  readonly levels: readonly number[];
}

export function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Mean over the photos that the column has; null where it has none. */
export function meanOf(column: readonly (Scores | undefined)[] | undefined, measure: Measure): number | null {
  const values = (column ?? []).flatMap((scores) => (scores ? [scores[measure]] : []));
  return values.length > 0 ? average(values) : null;
}

/** A column where another one has a value too. */
export function where(
  column: readonly (Scores | undefined)[],
  other: readonly (Scores | undefined)[],
): (Scores | undefined)[] {
  return column.map((scores, i) => (other[i] ? scores : undefined));
}

export interface AutoSummary {
  /** Share of the damaged pictures whose task was proposed. */
  readonly accuracy: number;
  readonly tasks: Readonly<Partial<Record<TaskId, number>>>;
  /** Share of the clean photos that were called anything else. */
  readonly cleanWrong: number;
  /** dB of the clean photos to themselves, photo by photo. */
  readonly clean: readonly number[];
  /** What was taken for what, a line a picture. */
  readonly confused: readonly string[];
}

const short = (value: number | null) => (value === null ? null : Number(value.toFixed(4)));

/** The line that the bench ends with. `maxim` is null where it has no such task or was not run. */
export function jsonOf(tasks: readonly TaskRows[], clean: readonly CleanRow[], auto: AutoSummary | null): object {
  const variants = { input: 'input', ours: 'ours', ditOff: 'DiT off', maxim: 'MAXIM' };
  const block = ({ columns }: TaskRows, measure: Measure) =>
    Object.fromEntries(Object.entries(variants).map(([key, name]) => [key, short(meanOf(columns[name], measure))]));
  return {
    tasks: Object.fromEntries(
      tasks.map((rows) => [
        rows.task,
        {
          n: rows.photos.length,
          psnr: block(rows, 'psnr'),
          ssim: block(rows, 'ssim'),
          perceptual: { resnet: block(rows, 'resnet'), gmsd: block(rows, 'gmsd') },
        },
      ]),
    ),
    clean: {
      anyTask: short(clean.length > 0 ? Math.min(...clean.map(({ levels }) => average(levels))) : null),
      auto: short(auto ? average(auto.clean) : null),
    },
    auto: { accuracy: short(auto ? auto.accuracy : null) },
  };
}
