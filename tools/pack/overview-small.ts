/**
 * `overview`: what a photo's thumbnail was before the damage, one set of weights a task (training/overview.py). A norm-free
 * network of three levels gives lines `gain · photo + offset`, channel by channel, for squares of 4 px. RGB in [-1,1].
 */
import type { Value } from '../onnx/model.ts';
import { enlarged } from './boxes.ts';
import { type Conv, conv, pixelShuffle } from './conv.ts';
import type { Emitter } from './emitter.ts';
import { block, SLOPE } from './vae-small.ts';

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
  const width = (level: number) => widths[level] ?? 0;
  const last = widths.length - 1;
  const thumb = e.input('thumb', [1, 3, side, side]);
  const stem: Conv = { tensor: 'stem', out: width(0), in: 3, kernel: 2 * SQUARE, stride: SQUARE, pad: SQUARE / 2 };
  let h = conv(e, e.narrow(thumb), { ...stem, edge: true });
  const skips: Value[] = [];
  for (let level = 0; level <= last; level++) {
    for (let i = 0; i < (blocks[level] ?? 0); i++) h = block(e, h, `before.${level}.${i}`, width(level));
    if (level === last) break;
    skips.push(h);
    const down = { tensor: `down.${level}`, out: width(level + 1), in: width(level), kernel: 3, stride: 2, pad: 1 };
    h = e.op('LeakyRelu', [conv(e, h, down)], { alpha: SLOPE });
  }
  for (let level = last - 1; level >= 0; level--) {
    const up = conv(e, h, { tensor: `up.${level}`, out: 4 * width(level), in: width(level + 1), kernel: 1 });
    h = block(e, e.add(skips[level] ?? '', pixelShuffle(e, up)), `after.${level}.0`, width(level));
  }
  const lines = enlarged(
    e,
    e.widen(conv(e, h, { tensor: 'out', out: 6, in: width(0), kernel: 3, pad: 1, edge: true })),
    SQUARE,
  );
  const [gain = '', offset = ''] = e.split(lines, 2, 1);
  const light = e.add(thumb, e.scalar('float32', 1)); // above black
  e.output('restored', e.add(thumb, e.add(e.mul(gain, light), offset)), [1, 3, side, side]);
}
