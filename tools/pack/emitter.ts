/**
 * One graph of a pack while it is written: the ONNX model and what the manifest says about it.
 *
 * A graph is emitted once per variant (mode and query chunks) by the same code; ports and weights are the same each time.
 */
import { type Bands, type Mode, onnxOutput, type Port, type WeightSpec } from '../../workers/packs/manifest.ts';
import { type Attribute, type Dim, type Element, ModelBuilder, type Value } from '../onnx/model.ts';

export type Stored = WeightSpec['stored'];

/** Where a weight comes from: a part of one tensor of the checkpoint, named relative to the instance's prefix. */
export interface Source {
  readonly tensor: string;
  /** The shape that the whole tensor must have. */
  readonly full: readonly number[];
  readonly rows?: readonly [start: number, count: number];
  /** Columns of a 2-D tensor. */
  readonly columns?: readonly [start: number, count: number];
  /** Transposes a 2-D tensor, after rows and columns were taken. */
  readonly transpose?: boolean;
  /** Added to every value. */
  readonly plus?: number;
  /** Zeros behind every row, up to so many columns: block quantisation wants multiples of 32. */
  readonly padTo?: number;
}

/** How a weight of the pack is made. `part` picks one of the two weights that block quantisation gives. */
export interface Recipe {
  readonly stored: Stored;
  readonly shape: readonly number[];
  readonly source: Source;
  readonly blocks?: { readonly part: 'b' | 'scales'; readonly bits: 4 | 8; readonly n: number; readonly k: number };
  /** Not cut out of a tensor: computed while building, once everything else is there (prefix-run.ts). */
  readonly computed?: true;
}

export type Bits = 4 | 8 | 16 | 32;

/**
 * What a matrix does: `down` are the blocks' MLP down-projections, `core` their other matrices; `modulation` and
 * `connector` run once a step; `text` are those of the language model and its vision tower; `embedder` are small and feed
 * everything; `plain` ones are never quantised.
 */
export type Role = 'core' | 'down' | 'modulation' | 'connector' | 'text' | 'embedder' | 'plain';

/** Roles that `--keep8` can keep at 8 bits in a 4-bit pack. */
export const KEEP8 = ['down', 'modulation', 'connector', 'text'] as const;
export type Keep8 = (typeof KEEP8)[number];

/** Bits of matrices by role, and the stored form of convolutions and of what isn't quantised. */
export interface Formats {
  readonly bits: Readonly<Record<Role, Bits>>;
  readonly conv: 'i8c' | 'f16' | 'f32';
  readonly plain: 'f16' | 'f32';
}

/**
 * @param family the Flux VAE's activations are large and its weights few: its convolutions are never 8-bit
 * @param keep8 roles that stay at 8 bits where `bits` is 4
 */
export function formatsFor(
  bits: Bits,
  family: 'restoration-small' | 'step1x-edit',
  keep8: readonly Keep8[] = [],
): Formats {
  const kept = (role: Keep8): Bits => (bits === 4 && keep8.includes(role) ? 8 : bits);
  const plain = bits === 32 ? 'f32' : 'f16';
  return {
    bits: {
      core: bits,
      down: kept('down'),
      modulation: kept('modulation'),
      connector: kept('connector'),
      text: kept('text'),
      embedder: bits === 4 ? 8 : bits,
      plain: bits === 32 ? 32 : 16,
    },
    conv: bits <= 8 && family === 'restoration-small' ? 'i8c' : plain,
    plain,
  };
}

type PortType = Port['dtype'];

export class Emitter {
  readonly model: ModelBuilder;
  readonly mode: Mode;
  readonly chunks: number;
  readonly formats: Formats;
  readonly inputs: Port[] = [];
  readonly outputs: Port[] = [];
  readonly weights: Port[] = [];
  readonly recipes = new Map<string, Recipe>();
  /** Set by graphs that run in bands of rows. */
  bands: Bands | null = null;

  constructor(name: string, mode: Mode, chunks: number, formats: Formats) {
    this.model = new ModelBuilder(name);
    this.mode = mode;
    this.chunks = chunks;
    this.formats = formats;
  }

  element(dtype: PortType): Element {
    if (dtype !== 'compute') return dtype;
    return this.mode === 'f16' ? 'float16' : 'float32';
  }

  input(name: string, shape: readonly Dim[], dtype: PortType = 'float32'): Value {
    this.inputs.push({ name, dtype, shape: [...shape] });
    return this.model.input(name, this.element(dtype), shape);
  }

  output(name: string, value: Value, shape: readonly Dim[]): void {
    this.outputs.push({ name, dtype: 'float32', shape: [...shape] });
    this.model.output(onnxOutput({ inputs: this.inputs }, name), value, 'float32', shape);
  }

  /** Declares a weight, or gives the one of that name that was declared before. */
  weight(name: string, dtype: PortType, recipe: Recipe): Value {
    if (!this.recipes.has(name)) {
      this.recipes.set(name, recipe);
      this.weights.push({ name, dtype, shape: [...recipe.shape] });
      this.model.input(name, this.element(dtype), recipe.shape);
    }
    return name;
  }

  op(type: string, inputs: readonly Value[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
    return this.model.op(type, inputs, { attributes });
  }

  /** An operator of ORT's own domain. */
  contrib(type: string, inputs: readonly Value[], attributes: Readonly<Record<string, Attribute>>): Value {
    return this.model.op(type, inputs, { attributes, domain: 'com.microsoft' });
  }

  split(value: Value, count: number, axis: number): Value[] {
    if (count === 1) return [value];
    return this.model.ops('Split', [value], count, { attributes: { axis, num_outputs: count } });
  }

  concat(values: readonly Value[], axis: number): Value {
    const [only] = values;
    return values.length === 1 && only !== undefined ? only : this.op('Concat', values, { axis });
  }

  /** Applies `each` to pieces along the tokens (axis 1), as many as this variant has query chunks. */
  perChunk(value: Value, each: (piece: Value) => Value): Value {
    return this.concat(this.split(value, this.chunks, 1).map(each), 1);
  }

  reshape(value: Value, shape: readonly number[]): Value {
    return this.op('Reshape', [value, this.model.constant('int64', shape)]);
  }

  /** A scalar of the dtype. */
  scalar(dtype: PortType, value: number): Value {
    return this.model.constant(this.element(dtype), [value], []);
  }

  add(a: Value, b: Value): Value {
    return this.op('Add', [a, b]);
  }

  mul(a: Value, b: Value): Value {
    return this.op('Mul', [a, b]);
  }

  silu(value: Value): Value {
    return this.mul(value, this.op('Sigmoid', [value]));
  }

  /** float32 to `compute`; nothing in mode f32. */
  narrow(value: Value): Value {
    return this.mode === 'f16' ? this.op('Cast', [value], { to: 10 }) : value;
  }

  /** `compute` to float32; nothing in mode f32. */
  widen(value: Value): Value {
    return this.mode === 'f16' ? this.op('Cast', [value], { to: 1 }) : value;
  }
}
