/**
 * `overview`: what a photo's thumbnail was before the damage, one set of weights a task (training/overview.py). A norm-free
 * network of three levels gives lines `gain · photo + offset`, channel by channel, for squares of 4 px. RGB in [-1,1].
 */
import { enlarged } from './boxes.ts';
import { type Conv, conv } from './conv.ts';
import type { Emitter } from './emitter.ts';
import { throughLevels } from './vae-small.ts';

export interface OverviewDims {
  /** Of the thumbnail in px. */
  readonly side: number;
  /** Level L works at side/2^(L+2). */
  readonly widths: readonly number[];
  /** Blocks of each level on the way down; there is one on the way up again. */
  readonly blocks: readonly number[];
}

/** px of the thumbnail that share a line. */
const SQUARE = 4;

export function overview(e: Emitter, { side, widths, blocks }: OverviewDims): void {
  const first = widths[0] ?? 0;
  const thumb = e.input('thumb', [1, 3, side, side]);
  const stem: Conv = { tensor: 'stem', out: first, in: 3, kernel: 2 * SQUARE, stride: SQUARE, pad: SQUARE / 2 };
  const seen = conv(e, e.narrow(thumb), { ...stem, edge: true });
  const up = widths.map(() => 1);
  const h = throughLevels(e, seen, widths, blocks, up);
  const lines = enlarged(
    e,
    e.widen(conv(e, h, { tensor: 'out', out: 6, in: first, kernel: 3, pad: 1, edge: true })),
    SQUARE,
  );
  const [gain = '', offset = ''] = e.split(lines, 2, 1);
  const light = e.add(thumb, e.scalar('float32', 1)); // above black
  e.output('restored', e.add(thumb, e.add(e.mul(gain, light), offset)), [1, 3, side, side]);
}
