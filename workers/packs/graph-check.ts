/**
 * Looks through an ONNX file before a session sees it. Allowed is what the pack builder can write (tools/onnx/onnx.proto
 * and graph-ops.ts), and nothing else: unknown fields, operators, attributes with graphs or tensors in them, external
 * data, functions and values used before they are made are refused. Ports must be those of the manifest.
 */
import { EngineError } from '../errors.ts';
import { GRAPH_LIMITS, isGraphOp } from './graph-ops.ts';
import { type GraphSpec, type Mode, onnxOutput, type Port } from './manifest.ts';
import { type Field, fields, int, message, text, WireError } from './wire.ts';

/** ONNX's TensorProto.DataType to bytes an element. */
const ELEMENT_BYTES = new Map([
  [1, 4],
  [2, 1],
  [6, 4],
  [7, 8],
  [10, 2],
]);
const ELEMENT = { float32: 1, uint8: 2, int32: 6, float16: 10 } as const;
const ATTRIBUTE = { float: 1, int: 2, string: 3, ints: 7 } as const;
const IR_VERSION = 11;
const OPSETS: Readonly<Record<string, number>> = { '': 23, 'com.microsoft': 1 };

interface ValueInfo {
  readonly name: string;
  readonly element: number;
  readonly shape: readonly (number | string)[];
}

/** @throws EngineError 'pack-damaged' with one sentence on what is wrong */
export function checkGraph(file: string, bytes: Uint8Array, spec: GraphSpec, mode: Mode): void {
  try {
    if (bytes.byteLength > GRAPH_LIMITS.bytes) throw new WireError(`has ${bytes.byteLength} bytes`);
    const { inputs, outputs } = model(bytes);
    const elementOf = (port: Port) =>
      ELEMENT[port.dtype === 'compute' ? (mode === 'f16' ? 'float16' : 'float32') : port.dtype];
    const wanted = [...spec.inputs, ...spec.weights].map((port) => ({ ...port, element: elementOf(port) }));
    comparePorts('input', inputs, wanted);
    const made = spec.outputs.map((port) => ({
      ...port,
      name: onnxOutput(spec, port.name),
      element: elementOf(port),
    }));
    comparePorts('output', outputs, made);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new EngineError('pack-damaged', `The graph ${file} is not one that packs may hold: ${error.message}.`, {
      file,
    });
  }
}

function comparePorts(kind: string, found: readonly ValueInfo[], wanted: readonly (Port & { element: number })[]) {
  if (found.length !== wanted.length) throw new WireError(`it has ${found.length} ${kind}s, not ${wanted.length}`);
  const byName = new Map(found.map((value) => [value.name, value]));
  for (const port of wanted) {
    const value = byName.get(port.name);
    if (!value) throw new WireError(`it has no ${kind} ${port.name}`);
    if (value.element !== port.element) throw new WireError(`${kind} ${port.name} has another type`);
    const same = value.shape.length === port.shape.length && port.shape.every((dim, i) => dim === value.shape[i]);
    if (!same) throw new WireError(`${kind} ${port.name} is [${value.shape}], not [${port.shape}]`);
  }
}

function model(bytes: Uint8Array): { inputs: ValueInfo[]; outputs: ValueInfo[] } {
  let body: Uint8Array | null = null;
  for (const field of fields(bytes)) {
    if (field.number === 1) {
      if (int(field) !== IR_VERSION) throw new WireError(`IR version ${int(field)}`);
    } else if (field.number === 2) text(field, GRAPH_LIMITS.name);
    else if (field.number === 7) {
      if (body) throw new WireError('two graphs');
      body = message(field);
    } else if (field.number === 8) opset(message(field));
    else throw unknown('model', field);
  }
  if (!body) throw new WireError('no graph');
  return graph(body);
}

function opset(bytes: Uint8Array): void {
  let domain = '';
  let version = 0;
  for (const field of fields(bytes)) {
    if (field.number === 1) domain = text(field, GRAPH_LIMITS.name);
    else if (field.number === 2) version = int(field);
    else throw unknown('opset', field);
  }
  const known = Object.hasOwn(OPSETS, domain) && OPSETS[domain] === version;
  if (!known) throw new WireError(`operators of ${domain || 'ONNX'} ${version}`);
}

function graph(bytes: Uint8Array): { inputs: ValueInfo[]; outputs: ValueInfo[] } {
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  const nodes: Uint8Array[] = [];
  const values = new Set<string>();
  const fixed = new Set<string>();
  const make = (name: string) => {
    if (values.has(name)) throw new WireError(`the value ${name} is made twice`);
    values.add(name);
  };
  let constants = 0;
  let constantBytes = 0;
  for (const field of fields(bytes)) {
    switch (field.number) {
      case 1:
        if (nodes.length >= GRAPH_LIMITS.nodes) throw new WireError('too many nodes');
        nodes.push(message(field));
        break;
      case 2:
        text(field, GRAPH_LIMITS.name);
        break;
      case 5: {
        const constant = tensor(message(field));
        constants += 1;
        constantBytes += constant.bytes;
        if (constants > GRAPH_LIMITS.constants || constantBytes > GRAPH_LIMITS.constantBytes) {
          throw new WireError('too many constants');
        }
        make(constant.name);
        fixed.add(constant.name);
        break;
      }
      case 11: {
        const value = valueInfo(message(field));
        make(value.name);
        inputs.push(value);
        break;
      }
      case 12:
        outputs.push(valueInfo(message(field)));
        break;
      default:
        throw unknown('graph', field);
    }
  }
  for (const bytesOfNode of nodes) node(bytesOfNode, { values, fixed, make });
  for (const { name } of outputs) if (!values.has(name)) throw new WireError(`output ${name} is never made`);
  return { inputs, outputs };
}

interface Scope {
  readonly values: ReadonlySet<string>;
  /** Those that are constants. */
  readonly fixed: ReadonlySet<string>;
  readonly make: (name: string) => void;
}

function node(bytes: Uint8Array, { values, fixed, make }: Scope): void {
  let op = '';
  let domain = '';
  let attributes = 0;
  const ins: string[] = [];
  const outs: string[] = [];
  for (const field of fields(bytes)) {
    if (field.number === 1) ins.push(text(field, GRAPH_LIMITS.name));
    else if (field.number === 2) outs.push(text(field, GRAPH_LIMITS.name));
    else if (field.number === 3) text(field, GRAPH_LIMITS.name);
    else if (field.number === 4) op = text(field, GRAPH_LIMITS.name);
    else if (field.number === 5) {
      attributes += 1;
      attribute(message(field));
    } else if (field.number === 7) domain = text(field, GRAPH_LIMITS.name);
    else throw unknown('node', field);
    if (ins.length + outs.length > GRAPH_LIMITS.ports || attributes > GRAPH_LIMITS.attributes) {
      throw new WireError(`a node ${op} with too many parts`);
    }
  }
  if (!isGraphOp(domain, op)) throw new WireError(`the operator ${domain ? `${domain}.` : ''}${op || '(none)'}`);
  for (const name of ins)
    if (name !== '' && !values.has(name)) throw new WireError(`${op} uses ${name} before it is made`);
  // By how much a tensor grows must not come from data.
  const sizes = op === 'Pad' || op === 'Resize' ? ins.slice(1) : [];
  if (sizes.some((name) => name !== '' && !fixed.has(name)))
    throw new WireError(`the sizes of a ${op} are no constants`);
  if (outs.length === 0) throw new WireError(`${op} makes nothing`);
  for (const name of outs) if (name !== '') make(name);
}

/** A float, a whole number, a short text or a short list of whole numbers; never a tensor or a graph. */
function attribute(bytes: Uint8Array): void {
  const seen = new Set<number>();
  let count = 0;
  let type = 0;
  for (const field of fields(bytes)) {
    if (field.number === 1) text(field, GRAPH_LIMITS.name);
    else if (field.number === 2 && field.kind === 'float') seen.add(ATTRIBUTE.float);
    else if (field.number === 3 && field.kind === 'int') seen.add(ATTRIBUTE.int);
    else if (field.number === 4) {
      text(field, GRAPH_LIMITS.name);
      seen.add(ATTRIBUTE.string);
    } else if (field.number === 8 && field.kind === 'int') {
      seen.add(ATTRIBUTE.ints);
      count += 1;
    } else if (field.number === 20) type = int(field);
    else throw unknown('attribute', field);
  }
  // An empty list is a list.
  const fits = seen.size === 0 ? type === ATTRIBUTE.ints : seen.size === 1 && seen.has(type);
  if (!fits || count > GRAPH_LIMITS.ports) throw new WireError('an attribute that makes no sense');
}

function tensor(bytes: Uint8Array): { name: string; bytes: number } {
  let name = '';
  let element = 0;
  let raw = 0;
  const dims: number[] = [];
  for (const field of fields(bytes)) {
    if (field.number === 1) dims.push(int(field));
    else if (field.number === 2) element = int(field);
    else if (field.number === 8) name = text(field, GRAPH_LIMITS.name);
    else if (field.number === 9) raw = message(field).byteLength;
    else throw unknown('constant', field);
  }
  const size = ELEMENT_BYTES.get(element);
  if (size === undefined || dims.length > GRAPH_LIMITS.rank || dims.some((dim) => dim < 0)) {
    throw new WireError(`the constant ${name} has a type or shape that is not allowed`);
  }
  if (dims.reduce((product, dim) => product * dim, size) !== raw)
    throw new WireError(`the constant ${name} is cut off`);
  return { name, bytes: raw };
}

function valueInfo(bytes: Uint8Array): ValueInfo {
  let name = '';
  let type: { element: number; shape: (number | string)[] } | null = null;
  for (const field of fields(bytes)) {
    if (field.number === 1) name = text(field, GRAPH_LIMITS.name);
    else if (field.number === 2) type = tensorType(message(field));
    else throw unknown('port', field);
  }
  if (name === '' || !type) throw new WireError('a port without a name or type');
  return { name, ...type };
}

function tensorType(bytes: Uint8Array): { element: number; shape: (number | string)[] } {
  let element = 0;
  const shape: (number | string)[] = [];
  for (const outer of fields(bytes)) {
    if (outer.number !== 1) throw unknown('type', outer);
    for (const field of fields(message(outer))) {
      if (field.number === 1) element = int(field);
      else if (field.number === 2) for (const dim of fields(message(field))) shape.push(dimension(dim));
      else throw unknown('type', field);
    }
  }
  if (!ELEMENT_BYTES.has(element) || shape.length > GRAPH_LIMITS.rank) throw new WireError('a port of another type');
  return { element, shape };
}

function dimension(field: Field): number | string {
  if (field.number !== 1) throw unknown('shape', field);
  for (const inner of fields(message(field))) {
    if (inner.number === 1) return int(inner);
    if (inner.number === 2) return text(inner, GRAPH_LIMITS.name);
    throw unknown('dimension', inner);
  }
  throw new WireError('a dimension without a size');
}

const unknown = (where: string, field: Field) => new WireError(`field ${field.number} in a ${where}`);
