/** Names of results: by a template, never one that is there already. Pure. */

export interface NameParts {
  /** The photo's file name. */
  readonly file: string;
  readonly task: string;
  /** 1-based place in the queue. */
  readonly number: number;
  readonly date: Date;
  /** Without a dot. */
  readonly ending: string;
}

export const DEFAULT_TEMPLATE = '{name}-restored';
/** What file systems refuse, and what would lead into another folder. */
const FORBIDDEN = /[\\/:*?"<>|\p{Cc}]/gu;
/** Names that Windows keeps for devices. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)$/i;
const LONGEST = 120;

/** `{name}`, `{task}`, `{n}` (three digits at least) and `{date}` (2026-11-26); other braces stay as they are. */
export function nameFor(template: string, { file, task, number, date, ending }: NameParts): string {
  const dot = file.lastIndexOf('.');
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, '0'));
  const values: Record<string, string> = {
    name: dot > 0 ? file.slice(0, dot) : file,
    task,
    n: String(number).padStart(3, '0'),
    date: day.join('-'),
  };
  const filled = template.replace(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole);
  const clean = filled.replace(FORBIDDEN, '_').replace(/^[.\s]+|[.\s]+$/g, '');
  // By characters, not by halves of them.
  const stem = [...clean].slice(0, LONGEST).join('') || 'photo';
  return `${RESERVED.test(stem) ? `${stem}_` : stem}.${ending}`;
}

/** The name itself, or the first of "name (2)", "name (3)" … that is free. @param taken asked once a candidate */
export async function freeName(name: string, taken: (name: string) => boolean | Promise<boolean>): Promise<string> {
  const dot = name.lastIndexOf('.');
  for (let count = 1; ; count++) {
    const candidate = count === 1 ? name : `${name.slice(0, dot)} (${count})${name.slice(dot)}`;
    if (!(await taken(candidate))) return candidate;
  }
}
