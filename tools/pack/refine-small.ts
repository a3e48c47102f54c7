/**
 * `refine`: the last pass over a decoded tile, one set of weights a task. A residual for `restored`, from it and the photo,
 * by a norm-free network of three levels (training/refine.py); with an aim also from that: the photo sharpened, or under smooth
 * gains, towards which every place is moved as far as the network says. RGB in [-1,1]; level L works at H/2^(L+1).
 */
import type { Value } from '../onnx/model.ts';
import { type Conv, conv, convWeight, convWith, pixelShuffle } from './conv.ts';
import type { Emitter } from './emitter.ts';
import { type GuideDims, guided } from './guide-small.ts';
import { type SharpenDims, sharpen } from './sharpen-small.ts';
import { throughLevels } from './vae-small.ts';

export interface RefineDims {
  readonly widths: readonly number[];
  /** Blocks of each level on the way down, and on the way up again but for the lowest. */
  readonly blocks: readonly number[];
}

/** What makes the aim, if there is one. */
export type Aim = { readonly sharpen: SharpenDims } | { readonly guide: GuideDims };

const PLANE = [1, 3, 'H', 'W'] as const;

export function refine(e: Emitter, { widths, blocks }: RefineDims, aim?: Aim): void {
  const first = widths[0] ?? 0;
  const photo = e.input('photo', PLANE);
  const restored = e.input('restored', PLANE);
  // Convolutions of three channels each: of the six together WebGPU's kernel makes wrong numbers (onnxruntime-web 1.30).
  const stem = (tensor: string): Conv => ({ tensor, out: first, in: 3, kernel: 6, stride: 2, pad: 2, edge: true });
  const look = (x: Value, tensor: string) => convWith(e, e.narrow(x), convWeight(e, stem(tensor)), '', stem(tensor));
  let h = e.add(look(photo, 'photo'), conv(e, e.narrow(restored), stem('stem')));
  const clear = aim && ('sharpen' in aim ? sharpen(e, photo, aim.sharpen) : guided(e, photo, restored, aim.guide));
  if (clear) h = e.add(h, look(clear, 'sharp'));
  h = throughLevels(e, h, widths, blocks, blocks);
  const out: Conv = { tensor: 'out', out: clear ? 16 : 12, in: first, kernel: 3, pad: 1, edge: true };
  const made = e.widen(pixelShuffle(e, conv(e, h, out)));
  e.output('restored', clear ? moved(e, restored, clear, made) : e.add(restored, made), PLANE);
}

/** `made` is a residual of three channels and, in the fourth, how far to move from `restored` to `clear`. */
function moved(e: Emitter, restored: Value, clear: Value, made: Value): Value {
  const [residual = '', share = ''] = e.model.ops('Split', [made, e.model.constant('int64', [3, 1])], 2, {
    attributes: { axis: 1 },
  });
  return e.add(e.add(restored, e.mul(share, e.op('Sub', [clear, restored]))), residual);
}
