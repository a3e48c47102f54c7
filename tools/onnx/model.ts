/**
 * Writes ONNX models: a small builder over the protobuf schema in `onnx.proto`.
 *
 * Names are counted per hint ("add:0", "add:1", …), so the same calls always give the same bytes.
 */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { isGraphOp } from '../../workers/packs/graph-ops.ts';
import { numberToHalf } from '../../workers/packs/half.ts';

const schema = protobuf.parse(readFileSync(new URL('./onnx.proto', import.meta.url), 'utf8'), { keepCase: true }).root;
const modelType = schema.lookupType('onnx.ModelProto');

/** ONNX element types (TensorProto.DataType). */
const ELEMENT = { float32: 1, uint8: 2, int32: 6, int64: 7, float16: 10 } as const;
export type Element = keyof typeof ELEMENT;

/** The versions that the graphs are written for; IR 11 belongs to opset 23. */
const OPSETS = [
  { domain: '', version: 23 },
  { domain: 'com.microsoft', version: 1 },
];
const IR_VERSION = 11;

/** Name of a value in the graph; '' is an input left out. */
export type Value = string;
export type Dim = number | string;
/** Numbers are written as int64; `{ f }` as float, strings and lists as they are. */
export type Attribute = number | string | readonly number[] | { readonly f: number };

interface NodeOptions {
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** Base of the output's name. */
  readonly hint?: string;
}

function attribute(name: string, value: Attribute) {
  if (typeof value === 'number') return { name, type: 2, i: value };
  if (typeof value === 'string') return { name, type: 3, s: new TextEncoder().encode(value) };
  if ('f' in value) return { name, type: 1, f: value.f };
  return { name, type: 7, ints: [...value] };
}

function valueInfo(name: string, element: Element, shape: readonly Dim[]) {
  const dim = shape.map((d) => (typeof d === 'number' ? { dim_value: d } : { dim_param: d }));
  return { name, type: { tensor_type: { elem_type: ELEMENT[element], shape: { dim } } } };
}

/** Little-endian bytes of a constant. */
function rawData(element: Element, values: readonly number[]): Uint8Array {
  switch (element) {
    case 'float32':
      return new Uint8Array(Float32Array.from(values).buffer);
    case 'float16':
      return new Uint8Array(Uint16Array.from(values, numberToHalf).buffer);
    case 'int64':
      return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    case 'int32':
      return new Uint8Array(Int32Array.from(values).buffer);
    case 'uint8':
      return Uint8Array.from(values);
  }
}

/** One graph under construction. Methods append in call order; `encode` gives the file. */
export class ModelBuilder {
  readonly name: string;
  private readonly nodes: object[] = [];
  private readonly initializers: object[] = [];
  private readonly inputs: object[] = [];
  private readonly outputs: object[] = [];
  private readonly counts = new Map<string, number>();
  private readonly ports = new Set<string>();
  private readonly constants = new Map<string, Value>();

  constructor(name: string) {
    this.name = name;
  }

  private fresh(hint: string): Value {
    const seen = this.counts.get(hint) ?? 0;
    this.counts.set(hint, seen + 1);
    return `${hint}:${seen}`;
  }

  /** Inputs and outputs; a ':' in all other names keeps them apart. */
  private claim(name: string): string {
    if (this.ports.has(name)) throw new Error(`${this.name}: the name ${name} is taken`);
    this.ports.add(name);
    return name;
  }

  input(name: string, element: Element, shape: readonly Dim[]): Value {
    this.inputs.push(valueInfo(this.claim(name), element, shape));
    return name;
  }

  /** Declares `value` as the output `name`, which no input and no other value may have. */
  output(name: string, value: Value, element: Element, shape: readonly Dim[]): void {
    this.nodes.push({ op_type: 'Identity', name: `out:${name}`, input: [value], output: [this.claim(name)] });
    this.outputs.push(valueInfo(name, element, shape));
  }

  /** A constant; equal constants are stored once. `shape` [] is a scalar. */
  constant(element: Element, values: readonly number[], shape: readonly number[] = [values.length]): Value {
    const key = `${element}:${shape.join(',')}:${values.join(',')}`;
    const known = this.constants.get(key);
    if (known !== undefined) return known;
    const name = this.fresh('const');
    this.initializers.push({
      name,
      dims: [...shape],
      data_type: ELEMENT[element],
      raw_data: rawData(element, values),
    });
    this.constants.set(key, name);
    return name;
  }

  /** Appends a node with one output. */
  op(type: string, inputs: readonly Value[], options: NodeOptions = {}): Value {
    const [value] = this.ops(type, inputs, 1, options);
    if (value === undefined) throw new Error('unreachable');
    return value;
  }

  /** Appends a node with `count` outputs. Engines refuse operators that graph-ops.ts does not list. */
  ops(type: string, inputs: readonly Value[], count: number, options: NodeOptions = {}): Value[] {
    if (!isGraphOp(options.domain ?? '', type)) throw new Error(`${this.name}: ${type} is not in graph-ops.ts`);
    const hint = options.hint ?? type.toLowerCase();
    const output = Array.from({ length: count }, () => this.fresh(hint));
    this.nodes.push({
      op_type: type,
      name: `n${this.nodes.length}`,
      domain: options.domain ?? '',
      input: [...inputs],
      output,
      attribute: Object.entries(options.attributes ?? {}).map(([name, value]) => attribute(name, value)),
    });
    return output;
  }

  encode(): Uint8Array {
    const message = modelType.fromObject({
      ir_version: IR_VERSION,
      producer_name: 'photo-restorer pack',
      opset_import: OPSETS,
      graph: {
        name: this.name,
        node: this.nodes,
        initializer: this.initializers,
        input: this.inputs,
        output: this.outputs,
      },
    });
    return modelType.encode(message).finish();
  }
}
