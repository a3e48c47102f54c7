/**
 * The photo sharpened by mixed inverse filters (training/sharpen.py), for last passes: local power spectra tell which share
 * each filter of a bank has at a place. RGB in [-1,1]; a window every 16 px.
 *
 * Spectra and filters are float32 in both modes: powers reach beyond fp16, and inverse filters enlarge its rounding.
 */
import type { Value } from '../onnx/model.ts';
import { box, enlarged, pad } from './boxes.ts';
import { type Conv, conv, convWith, kernelShape } from './conv.ts';
import type { Emitter } from './emitter.ts';
import { SLOPE } from './vae-small.ts';

export interface SharpenDims {
  /** Side of a window; windows lie half a window apart. */
  readonly window: number;
  /** Of a filter, odd. */
  readonly side: number;
  readonly filters: number;
  /** Of the layers that mix. */
  readonly width: number;
}

const LUMA = [0.299, 0.587, 0.114];
const GAIN = 16;
const FLOOR = 1e-3;
/** Windows whose mean is taken, each way. */
const AROUND = 9;
/** Before the last one. */
const LAYERS = 3;
/** Filters at a time: their answers are as large as the photo, and a GPU's binding holds 128 MiB. */
const AT_ONCE = 16;

export function sharpen(e: Emitter, photo: Value, d: SharpenDims): Value {
  const luma = e.op('Conv', [photo, e.model.constant('float32', LUMA, [1, 3, 1, 1])], { kernel_shape: [1, 1] });
  const shares = e.split(e.widen(mixture(e, luma, d)), d.filters / AT_ONCE, 1);
  const bank = e.split(fixed(e, { tensor: 'sharpen.bank', out: d.filters, in: 1, kernel: d.side }), shares.length, 0);
  const seen = pad(e, luma, d.side >> 1, 'reflect');
  const lacks = shares.map((share, n) => {
    const large = enlarged(e, share, d.window / 2);
    const found = e.op('Conv', [seen, bank[n] ?? ''], { kernel_shape: [d.side, d.side] });
    return e.op('ReduceSum', [e.mul(found, large), e.model.constant('int64', [1])], { keepdims: 1 });
  });
  const sharp = e.add(
    photo,
    lacks.reduce((sum, part) => e.add(sum, part)),
  );
  return e.op('Clip', [sharp, e.scalar('float32', -1), e.scalar('float32', 1)]);
}

/** The shares of the filters `[1, filters, H/16, W/16]`, in `compute`. */
function mixture(e: Emitter, luma: Value, d: SharpenDims): Value {
  const spectra = powers(e, luma, d);
  const bins = (d.window / 2 + 1) * d.window;
  const around = (x: Value) => box(e, x, bins, AROUND >> 1);
  const logarithm = (x: Value) =>
    e.mul(e.op('Log', [e.add(x, e.scalar('float32', FLOOR))]), e.scalar('float32', 1 / 4));
  let h = e.narrow(e.concat([around(logarithm(spectra)), logarithm(around(spectra))], 1));
  for (let n = 0; n < LAYERS; n++) {
    const from = n === 0 ? 2 * bins : d.width;
    // What the first layer reads is far from zero on average, which would enlarge the rounding of 8-bit weights.
    const layer: Conv = { tensor: `sharpen.layers.${n}`, out: d.width, in: from, kernel: 1, edge: n === 0 };
    h = e.op('LeakyRelu', [conv(e, h, layer)], { alpha: SLOPE });
  }
  return conv(e, h, { tensor: 'sharpen.out', out: d.filters, in: d.width, kernel: 1, edge: true });
}

/** Of windows, `[1, (window/2 + 1)·window, H/16, W/16]`: a Fourier transform by rows, then by columns. */
function powers(e: Emitter, luma: Value, { window }: SharpenDims): Value {
  const groups = window / 2 + 1;
  const seen = pad(e, e.mul(luma, e.scalar('float32', GAIN)), window / 4, 'reflect');
  const along: Conv = { tensor: 'sharpen.rows', out: 2 * groups, in: 1, kernel: [1, window], stride: [1, window / 2] };
  const rows = convWith(e, seen, fixed(e, along), '', along);
  const squares = ['real', 'imag'].map((part) => {
    const across: Conv = {
      tensor: `sharpen.${part}`,
      out: groups * window,
      in: 2,
      kernel: [window, 1],
      stride: [window / 2, 1],
      groups,
    };
    const found = convWith(e, rows, fixed(e, across), '', across);
    return e.mul(found, found);
  });
  return squares.reduce((a, b) => e.add(a, b));
}

/** A kernel that is used in float32 and never 8-bit. */
function fixed(e: Emitter, spec: Conv): Value {
  const shape = kernelShape(spec);
  const tensor = `${spec.tensor}.weight`;
  return e.weight(tensor, 'float32', { stored: e.formats.plain, shape, source: { tensor, full: shape } });
}
