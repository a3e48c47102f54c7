/** Amounts as a person reads them, in their language. */

/** Bytes as kB, MB or GB (powers of ten, as disks and browsers count), with one decimal below 100. */
export function bytesText(bytes: number, language: string): string {
  const [unit, size] =
    bytes >= 999.5e6 ? (['gigabyte', 1e9] as const) : bytes >= 99.5e3 ? (['megabyte', 1e6] as const) : SMALL;
  const value = bytes / size;
  const maximumFractionDigits = value < 100 && unit !== 'kilobyte' ? 1 : 0;
  return new Intl.NumberFormat(language, { style: 'unit', unit, maximumFractionDigits }).format(value);
}

const SMALL = ['kilobyte', 1e3] as const;

export function dayText(time: number, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium' }).format(time);
}
