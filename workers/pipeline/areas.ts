/** Averages by area along one axis. Pure. */

/** One cell: the px it covers from `first` on, and the share of each. Shares add up to 1. */
export interface Area {
  readonly first: number;
  readonly shares: readonly number[];
}

/** Cell i of `cells` is the mean of positions i·n/cells … (i+1)·n/cells of `length` = n px. */
export function areas(length: number, cells: number): Area[] {
  const step = length / cells;
  return Array.from({ length: cells }, (_, i) => {
    const from = i * step;
    const to = (i + 1) * step;
    const first = Math.floor(from);
    const end = Math.min(length, Math.ceil(to - 1e-9));
    const shares = Array.from({ length: Math.max(1, end - first) }, (_, k) => {
      const covered = Math.min(to, first + k + 1) - Math.max(from, first + k);
      return covered / step;
    });
    return { first, shares };
  });
}
