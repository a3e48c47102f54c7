/**
 * A backend for tests of the loop: graphs in plain TypeScript with results known in closed form. The encoder is average
 * pooling over 8×8 px, the velocity is a_k · (z - z_ref) with a_k from the modulation, so that Euler's result is a
 * product; the decoder repeats latents over 8×8 px. It counts tensors that are alive.
 */
import { EngineError } from '../../errors.ts';
import type { Manifest } from '../../packs/manifest.ts';
import type { Backend, DType, MemoryUse, Piece, RunOptions, Tensor, TensorData } from '../backend.ts';
import { distanceData, mixData } from '../block-cache.ts';
import { joinData, planJoin } from '../join.ts';
import { makeLatents, packLatents } from '../latents.ts';

export const CHANNELS = 4;
const FEATURES = 16;
/** Text tokens. */
export const TEXT = 2;

class ToyTensor implements Tensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: TensorData;
  readonly #live: Set<Tensor>;
  constructor(dtype: DType, dims: readonly number[], data: TensorData, live: Set<Tensor>) {
    const length = dims.reduce((product, side) => product * side, 1);
    if (data.length !== length) throw new Error(`[${dims}] with ${data.length} values`);
    this.dtype = dtype;
    this.dims = dims;
    this.data = data;
    this.#live = live;
    live.add(this);
  }
  dispose(): void {
    if (!this.#live.delete(this)) throw new Error('disposed twice');
  }
}

interface Value {
  dims: readonly number[];
  data: Float32Array;
}
type Graph = (inputs: Record<string, Value>) => Record<string, Value>;

export interface ToyFaults {
  /** Called before every run; may throw or abort. */
  before?: (call: number, instance: string) => void;
  /** Tiles with more px a side run out of memory in the encoder. */
  memorySide?: number;
  /** The velocity is NaN from this step on (0-based). */
  nanFromStep?: number;
}

export class ToyBackend implements Backend {
  readonly kind = 'cpu';
  readonly mode = 'f32';
  readonly live = new Set<Tensor>();
  readonly ran: string[] = [];
  readonly released: string[] = [];
  downloads = 0;
  readonly chunks = new Set<number | undefined>();
  readonly #manifest: Manifest;
  readonly #faults: ToyFaults;

  constructor(manifest: Manifest, faults: ToyFaults = {}) {
    this.#manifest = manifest;
    this.#faults = faults;
  }

  upload(dtype: DType, dims: readonly number[], data: TensorData): Tensor {
    return new ToyTensor(dtype, dims, data.slice(), this.live);
  }

  join(axis: number, pieces: readonly Piece[], zerosBefore: number, zerosAfter: number): Tensor {
    const joined = planJoin(axis, pieces, zerosBefore, zerosAfter);
    const sources = pieces.map(({ tensor }) => {
      if (!(tensor instanceof ToyTensor) || !this.live.has(tensor)) throw new Error('joined a dead tensor');
      return tensor.data;
    });
    return new ToyTensor(joined.dtype, joined.dims, joinData(joined, sources), this.live);
  }

  mix(x: Tensor, y: Tensor, factor: number): Tensor {
    return new ToyTensor('float32', x.dims, mixData(floatsOf(x, this.live), floatsOf(y, this.live), factor), this.live);
  }

  async distance(x: Tensor, y: Tensor): Promise<{ difference: number; size: number }> {
    return distanceData(floatsOf(x, this.live), floatsOf(y, this.live));
  }

  async download(tensor: Tensor): Promise<TensorData> {
    if (!(tensor instanceof ToyTensor) || !this.live.has(tensor)) throw new Error('downloaded a dead tensor');
    this.downloads++;
    return tensor.data.slice();
  }

  async run(
    id: string,
    feeds: Readonly<Record<string, Tensor>>,
    options?: RunOptions,
  ): Promise<Record<string, Tensor>> {
    await Promise.resolve();
    this.#faults.before?.(this.ran.length, id);
    this.ran.push(id);
    const name = this.#manifest.instances[id]?.graph ?? '';
    if (/^(double|single|last)/.test(name)) this.chunks.add(options?.queryChunks);
    const inputs: Record<string, Value> = {};
    for (const [key, tensor] of Object.entries(feeds)) {
      if (!(tensor instanceof ToyTensor) || !this.live.has(tensor)) throw new Error(`${id} was fed a dead ${key}`);
      inputs[key] = { dims: tensor.dims, data: Float32Array.from(tensor.data) };
    }
    const side = Math.max(...(inputs.photo?.dims ?? [0]));
    if (side > (this.#faults.memorySide ?? Number.POSITIVE_INFINITY)) throw new EngineError('out-of-memory');
    const graph = graphs[name];
    if (!graph) throw new Error(`no graph ${name}`);
    const outputs = Object.entries(graph(inputs));
    if (
      name.startsWith('final') &&
      (inputs.step?.data[0] ?? 0) >= (this.#faults.nanFromStep ?? Number.POSITIVE_INFINITY)
    ) {
      outputs[0]?.[1].data.fill(Number.NaN);
    }
    return Object.fromEntries(
      outputs.map(([key, { dims, data }]) => [key, new ToyTensor('float32', dims, data, this.live)]),
    );
  }

  release(instance: string): void {
    this.released.push(instance);
  }

  memory(): MemoryUse {
    return { gpuBytes: 0, gpuPeakBytes: 0, heapBytes: 0 };
  }
}

function floatsOf(tensor: Tensor, live: ReadonlySet<Tensor>): Float32Array {
  if (!(tensor instanceof ToyTensor) || !live.has(tensor)) throw new Error('mixed a dead tensor');
  return Float32Array.from(tensor.data);
}

function need(value: Value | undefined): Value {
  if (!value) throw new Error('an input is missing');
  return value;
}

/** Means of 8×8 px: R, G, B and their mean as four channels. */
function pool({ dims, data }: Value): Value {
  const [, , height = 0, width = 0] = dims;
  const [h, w] = [height / 8, width / 8];
  const out = new Float32Array(CHANNELS * h * w);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const value = (data[(c * height + y) * width + x] ?? 0) / 64;
        const at = Math.floor(y / 8) * w + Math.floor(x / 8);
        out[c * h * w + at] = (out[c * h * w + at] ?? 0) + value;
        out[3 * h * w + at] = (out[3 * h * w + at] ?? 0) + value / 3;
      }
  return { dims: [1, CHANNELS, h, w], data: out };
}

/** Channels 0 to 2 repeated over 8×8 px. */
function repeat({ dims, data }: Value): Value {
  const [, , h = 0, w = 0] = dims;
  const out = new Float32Array(3 * h * w * 64);
  for (let i = 0; i < out.length; i++) {
    const x = i % (8 * w);
    const y = Math.floor(i / (8 * w)) % (8 * h);
    const c = Math.floor(i / (64 * w * h));
    out[i] = data[(c * h + Math.floor(y / 8)) * w + Math.floor(x / 8)] ?? 0;
  }
  return { dims: [1, 3, 8 * h, 8 * w], data: out };
}

function tokensOf({ dims, data }: Value): Float32Array {
  const [, channels = 0, h = 0, w = 0] = dims;
  return packLatents(makeLatents(channels, h, w, data), 2);
}

/** Every text token has a row that is there. */
function checkText({ txt, text_rows }: Record<string, Value>): void {
  const rows = need(txt).dims[1] ?? 0;
  const index = [...need(text_rows).data];
  if (index.length !== TEXT || Math.max(...index) !== rows - 1) throw new Error(`rows ${index} of ${rows}`);
}

const pass: Graph = ({ img, txt }) => ({ img: need(img), txt: need(txt) });

const graphs: Record<string, Graph> = {
  'enc.a': ({ photo }) => ({ latents: pool(need(photo)), skip0: need(photo) }),
  'enc.plain': ({ photo }) => ({ hidden: pool(need(photo)) }),
  'enc.out': ({ hidden }) => ({ latents: need(hidden) }),
  // Halfway back to the photo.
  refine: ({ photo, restored }) => {
    const [from, to] = [need(photo), need(restored)];
    return { restored: { dims: to.dims, data: to.data.map((value, i) => (value + (from.data[i] ?? 0)) / 2) } };
  },
  // A quarter brighter.
  overview: ({ thumb }) => ({ restored: { dims: need(thumb).dims, data: need(thumb).data.map((v) => v + 0.25) } }),
  dec: ({ latents }) => ({ restored: repeat(need(latents)) }),
  // Photo plus the change of the latents, plus the task's number: what a skip decoder does.
  'dec.skips': ({ latents, skip0, pooled }) => {
    const now = repeat(need(latents));
    const before = repeat(pool(need(skip0)));
    const data = need(skip0).data.map(
      (p, i) => p + (now.data[i] ?? 0) - (before.data[i] ?? 0) + (pooled?.data[0] ?? 0) / 10,
    );
    return { restored: { dims: now.dims, data } };
  },
  conditioning: ({ latents, task }) => {
    const number = need(task).data.indexOf(1) + 1;
    return {
      context: { dims: [1, 2, 1], data: Float32Array.of(need(latents).data[0] ?? 0, number) },
      pooled: { dims: [1, 1], data: Float32Array.of(number) },
    };
  },
  // Red is noise, green is haze, blue is clean: four times the first crop's first px. The thumbnail must be there.
  auto: ({ crops, thumb }) => {
    need(thumb);
    const { dims, data } = need(crops);
    const plane = (dims[2] ?? 0) * (dims[3] ?? 0);
    return { logits: { dims: [1, 3], data: Float32Array.from([0, 1, 2], (c) => 4 * (data[c * plane] ?? 0)) } };
  },
  // pooled is the masked mean of the states, plus cos(1000 t).
  connector: ({ states, time, mask, mean }) => {
    const rows = need(states).data;
    const weights = need(mean).data;
    if (need(mask).data.length !== rows.length ** 2) throw new Error('mask');
    const sum = rows.reduce((total, state, i) => total + state * (weights[i] ?? 0), 0);
    return {
      context: { dims: [1, rows.length, 1], data: rows },
      pooled: { dims: [1, 1], data: Float32Array.of(sum + (need(time).data[0] ?? 0)) },
    };
  },
  context: ({ context }) => ({ txt: need(context) }),
  vec: ({ time, pooled }) => {
    const steps = need(time).dims[0] ?? 0;
    const rows = need(pooled).data;
    return { vec: { dims: [steps, 1], data: Float32Array.from({ length: steps }, (_, k) => rows[k] ?? rows[0] ?? 0) } };
  },
  mod: ({ vec }) => ({ mod: need(vec) }),
  embed: ({ latents, reference }) => {
    const target = tokensOf(need(latents));
    const ref = tokensOf(need(reference));
    const data = new Float32Array(2 * target.length);
    for (let i = 0; i < target.length; i++) {
      const at = Math.floor(i / FEATURES) * 2 * FEATURES + (i % FEATURES);
      data[at] = target[i] ?? 0;
      data[at + FEATURES] = ref[i] ?? 0;
    }
    return { img: { dims: [1, target.length / FEATURES, 2 * FEATURES], data } };
  },
  // The reference along the tokens: target rows first.
  'embed.tokens': ({ latents, reference }) => {
    const data = [...tokensOf(need(latents)), ...tokensOf(need(reference))];
    return { img: { dims: [1, data.length / FEATURES, FEATURES], data: Float32Array.from(data) } };
  },
  // The target's rows less the reference's; no text.
  'last.tokens': (inputs) => {
    const { dims, data } = need(inputs.img);
    checkText(inputs);
    need(inputs.mod);
    const half = data.length / 2;
    const [, n = 0] = dims;
    const difference = data.slice(0, half).map((value, i) => value - (data[half + i] ?? 0));
    return { img: { dims: [1, n / 2, FEATURES], data: difference } };
  },
  'final.tokens': ({ img, mod, step }) => {
    const { dims, data } = need(img);
    const a = need(mod).data[need(step).data[0] ?? 0] ?? 0;
    return { velocity: { dims, data: data.map((value) => a * value) } };
  },
  'double.tokens': (inputs) => {
    checkText(inputs);
    return pass(inputs);
  },
  double: (inputs) => {
    if (need(inputs.cos).dims[1] !== need(inputs.img).dims[1]) throw new Error('RoPE rows');
    need(inputs.img_mod);
    need(inputs.txt_mod);
    return pass(inputs);
  },
  single: (inputs) => {
    need(inputs.mod);
    return pass(inputs);
  },
  final: ({ img, mod, step }) => {
    const { dims, data } = need(img);
    const a = need(mod).data[need(step).data[0] ?? 0] ?? 0;
    const n = dims[1] ?? 0;
    const out = new Float32Array(n * FEATURES);
    for (let i = 0; i < out.length; i++) {
      const at = Math.floor(i / FEATURES) * 2 * FEATURES + (i % FEATURES);
      out[i] = a * ((data[at] ?? 0) - (data[at + FEATURES] ?? 0));
    }
    return { velocity: { dims: [1, n, FEATURES], data: out } };
  },
};
