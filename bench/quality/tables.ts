/** Text tables of the results. Pure. */
import type { TaskId } from '../../workers/packs/manifest.ts';
import type { Bar } from './bars.ts';
import {
  type AutoSummary,
  average,
  type CleanRow,
  MEASURES,
  type Measure,
  meanOf,
  type TaskRows,
  where,
} from './summary.ts';

const NAMES: Record<Measure, string> = { psnr: 'PSNR dB', ssim: 'SSIM', resnet: 'ResNet distance', gmsd: 'GMSD' };
const DIGITS: Record<Measure, number> = { psnr: 2, ssim: 4, resnet: 4, gmsd: 4 };

/** Markdown, so that it can be pasted. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export function number(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined ? '' : value.toFixed(digits);
}

export function taskTable({ task, photos, columns }: TaskRows): string {
  const names = Object.keys(columns).filter((name) => columns[name]?.some((scores) => scores !== undefined));
  const maxim = columns.MAXIM ?? [];
  const common = maxim.filter((scores) => scores !== undefined).length;
  const partly = common > 0 && common < photos.length;
  const head = [
    `${task}, ${photos.length} photos`,
    ...names.map((name) => (name === 'MAXIM' && partly ? `MAXIM, ${common} photos` : name)),
    ...(partly ? ['ours, those photos'] : []),
  ];
  const rows = MEASURES.map((measure) => [
    NAMES[measure],
    ...names.map((name) => number(meanOf(columns[name], measure), DIGITS[measure])),
    ...(partly ? [number(meanOf(where(columns.ours ?? [], maxim), measure), DIGITS[measure])] : []),
  ]);
  return table(head, rows);
}

/** A line a task: damaged to ours in every measure, PSNR of the others. MAXIM's is of the photos it was run on. */
export function overview(tasks: readonly TaskRows[]): string {
  const rows = tasks.map(({ task, photos, columns }) => {
    const both = (measure: Measure) =>
      `${number(meanOf(columns.input, measure), DIGITS[measure])} → ${number(meanOf(columns.ours, measure), DIGITS[measure])}`;
    const maxim = columns.MAXIM ?? [];
    const count = maxim.filter((scores) => scores !== undefined).length;
    const against =
      count > 0
        ? `${number(meanOf(maxim, 'psnr'), 2)}, ours there ${number(meanOf(where(columns.ours ?? [], maxim), 'psnr'), 2)} (${count})`
        : '';
    return [task, String(photos.length), ...MEASURES.map(both), number(meanOf(columns['DiT off'], 'psnr'), 2), against];
  });
  return table(
    ['task', 'photos', ...MEASURES.map((measure) => NAMES[measure]), 'DiT off, dB', 'MAXIM, dB (photos)'],
    rows,
  );
}

/** A line for each kind of damage of a task. `kindOf`: what was done to a photo for a task. */
export function kindTable(tasks: readonly TaskRows[], kindOf: (task: TaskId, photo: string) => string): string {
  const rows = tasks.flatMap(({ task, photos, columns }) => {
    const kinds = photos.map((photo) => kindOf(task, photo));
    return [...new Set(kinds)].sort().map((kind) => {
      const own = (name: string) => (columns[name] ?? []).filter((_, i) => kinds[i] === kind);
      const [before, after] = ['input', 'ours'].map((name) => meanOf(own(name), 'psnr'));
      const gain = before === null || after === null ? null : (after ?? 0) - (before ?? 0);
      const count = String(kinds.filter((each) => each === kind).length);
      return [`${task}: ${kind}`, count, `${number(before, 2)} → ${number(after, 2)}`, number(gain, 2)];
    });
  });
  return table(['kind', 'photos', 'PSNR dB', 'gain, dB'], rows);
}

export function cleanTable(rows: readonly CleanRow[], auto: AutoSummary | null): string {
  const line = (name: string, levels: readonly number[]) => [
    name,
    number(average(levels), 2),
    number(Math.min(...levels), 2),
  ];
  const all = rows.map(({ task, levels }) => line(task, levels));
  return table(['clean photos through', 'mean dB', 'worst'], auto ? [...all, line('auto', auto.clean)] : all);
}

export function autoTable(auto: AutoSummary): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const mistakes = (task: string) => {
    const counts = new Map<string, number>();
    for (const line of auto.confused) {
      const [was, as = ''] = line.split(' as ');
      if (was === task) counts.set(as, (counts.get(as) ?? 0) + 1);
    }
    return [...counts].map(([as, count]) => `${as} ${count}`).join(', ');
  };
  const rows = Object.entries(auto.tasks).map(([task, share]) => [task, percent(share), mistakes(task)]);
  return table(
    ['auto', 'right', 'taken for'],
    [...rows, ['all damaged', percent(auto.accuracy), ''], ['clean', percent(1 - auto.cleanWrong), mistakes('clean')]],
  );
}

export function barTable(list: readonly Bar[]): string {
  return table(
    ['bar', 'figure', 'met'],
    list.map(({ what, figure, met }) => [what, figure, met ? 'yes' : '**no**']),
  );
}
