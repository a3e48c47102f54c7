/**
 * What a photo itself can become by smooth gains (training/guide.py): the guided filter (He, Sun, Tang 2013, in the fast form of
 * He, Sun 2015), for last passes. Lines `gain · photo + offset` are fitted to the restored photo channel by channel and averaged.
 *
 * All in float32, in both modes: variances are differences of squares, which fp16 would round away.
 */
import type { Value } from '../onnx/model.ts';
import { box, enlarged, mean } from './boxes.ts';
import type { Emitter } from './emitter.ts';

export interface GuideDims {
  /** Side of the squares of px whose means are taken first. */
  readonly step: number;
  /** Of the surroundings, in such squares. */
  readonly radius: number;
  /** Variance of the photo below which the gain goes towards 0. */
  readonly epsilon: number;
}

const CHANNELS = 3;

/** @param photo and `restored`: `[1,3,H,W]`, RGB in [-1,1], H and W multiples of `step`; gives the same shape, in [-1,1] */
export function guided(e: Emitter, photo: Value, restored: Value, { step, radius, epsilon }: GuideDims): Value {
  const clip = (x: Value) => e.op('Clip', [x, e.scalar('float32', -1), e.scalar('float32', 1)]);
  const less = (a: Value, b: Value) => e.op('Sub', [a, b]);
  const goal = clip(restored);
  const moments = e.concat([photo, goal, e.mul(photo, photo), e.mul(photo, goal)], 1);
  const squares = mean(e, moments, 4 * CHANNELS, [step, step], [step, step]);
  const [x = '', y = '', xx = '', xy = ''] = e.split(box(e, squares, 4 * CHANNELS, radius), 4, 1);
  const variance = e.add(less(xx, e.mul(x, x)), e.scalar('float32', epsilon));
  const gain = e.op('Div', [less(xy, e.mul(x, y)), variance]);
  const lines = box(e, e.concat([gain, less(y, e.mul(gain, x))], 1), 2 * CHANNELS, radius);
  const [slope = '', offset = ''] = e.split(enlarged(e, lines, step), 2, 1);
  return clip(e.add(e.mul(slope, photo), offset));
}
