import { describe, expect, it } from 'vitest';
import { bars } from './bars.ts';
import type { Scores } from './store.ts';
import type { TaskRows } from './summary.ts';

const scores = (psnr: number, distance: number): Scores => ({
  psnr,
  ssim: psnr / 100,
  resnet: distance,
  gmsd: distance,
});
const photos = ['0001', '0002'];

function rows(columns: Record<string, readonly (Scores | undefined)[]>): TaskRows {
  return { task: 'noise', photos, columns };
}

const find = (list: ReturnType<typeof bars>, text: string) => list.find(({ what }) => what.includes(text));

describe('bars', () => {
  const input = [scores(20, 0.4), scores(22, 0.4)];

  it('takes a gain that is reached, and refuses one that is not or that costs a distance', () => {
    const judge = (ours: readonly Scores[]) => find(bars([rows({ input, ours })], [], null, 2), 'over the input')?.met;
    expect(judge([scores(25, 0.2), scores(27, 0.2)])).toBe(true);
    expect(judge([scores(24, 0.2), scores(27.9, 0.2)])).toBe(false);
    expect(judge([scores(30, 0.2), scores(30, 0.7)])).toBe(false);
  });

  it('compares with MAXIM on the photos that both have', () => {
    const ours = [scores(26, 0.2), scores(40, 0.1)];
    const bar = find(bars([rows({ input, ours, MAXIM: [scores(27, 0.3), undefined] })], [], null, 2), 'MAXIM');
    expect(bar).toMatchObject({ met: false });
    expect(bar?.figure).toContain('PSNR -1.00 dB');
    expect(bar?.figure).toContain('1 photos');
  });

  it('says which task keeps least of a clean photo', () => {
    const clean = [
      { task: 'noise', levels: [33, 34] },
      { task: 'haze', levels: [50, 40] },
    ] as const;
    const bar = find(bars([rows({ input, ours: input })], clean, null, 2), 'clean');
    expect(bar).toMatchObject({ met: false, figure: '33.50 dB through noise' });
  });

  it('holds auto against the whole set, every task, and clean photos', () => {
    const auto = { accuracy: 0.9, tasks: { noise: 1, haze: 0.8 }, cleanWrong: 0.05, clean: [60, 39], confused: [] };
    const all = bars([rows({ input, ours: input })], [], auto, 1);
    expect(all.slice(-4).map(({ met }) => met)).toEqual([true, false, true, true]);
  });
});
