/**
 * Writes the tiny ONNX graph of the self-test at run time (onnx.proto: field numbers below). Building it here keeps
 * the graph beside its JavaScript reference, and keeps binary files out of the source.
 */

export const ELEMENT = { float32: 1, uint8: 2, int32: 6, int64: 7, float16: 10 } as const;
export type Element = keyof typeof ELEMENT;

export interface GraphNode {
  op: string;
  inputs: string[];
  output: string;
  domain?: string;
  /** Whole numbers and lists of them are written as ints. `epsilon` is a float by its name. */
  attributes?: Record<string, number | number[]>;
}

export interface GraphValue {
  name: string;
  element: Element;
  dims: number[];
}

export interface GraphConstant {
  name: string;
  values: number[];
}

export interface Graph {
  nodes: GraphNode[];
  inputs: GraphValue[];
  outputs: GraphValue[];
  /** int64 vectors, e.g. shapes. */
  constants: GraphConstant[];
}

const FLOAT_ATTRIBUTES = new Set(['epsilon']);
const ATTRIBUTE_TYPE = { float: 1, int: 2, ints: 7 } as const;
const utf8 = new TextEncoder();

/** A protobuf message under construction: a list of encoded fields. */
class Message {
  readonly #bytes: number[] = [];

  int(field: number, value: number): this {
    this.#varint(field * 8);
    this.#varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.#varint(field * 8 + 5);
    this.#bytes.push(...new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#varint(field * 8 + 2);
    this.#varint(value.length);
    for (const byte of value) this.#bytes.push(byte);
    return this;
  }

  text(field: number, value: string): this {
    return this.bytes(field, utf8.encode(value));
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish());
  }

  finish(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#bytes);
  }

  /** Values are below 2^31 and not negative. */
  #varint(value: number): void {
    let rest = value;
    while (rest > 127) {
      this.#bytes.push((rest & 127) | 128);
      rest >>>= 7;
    }
    this.#bytes.push(rest);
  }
}

function attributeMessage(name: string, value: number | number[]): Message {
  const message = new Message().text(1, name);
  if (Array.isArray(value)) {
    for (const item of value) message.int(8, item);
    return message.int(20, ATTRIBUTE_TYPE.ints);
  }
  if (FLOAT_ATTRIBUTES.has(name)) return message.float(2, value).int(20, ATTRIBUTE_TYPE.float);
  return message.int(3, value).int(20, ATTRIBUTE_TYPE.int);
}

function nodeMessage(node: GraphNode, index: number): Message {
  const message = new Message();
  for (const input of node.inputs) message.text(1, input);
  message.text(2, node.output).text(3, `n${index}`).text(4, node.op);
  for (const [name, value] of Object.entries(node.attributes ?? {})) message.message(5, attributeMessage(name, value));
  if (node.domain) message.text(7, node.domain);
  return message;
}

function valueMessage({ name, element, dims }: GraphValue): Message {
  const shape = new Message();
  for (const dim of dims) shape.message(1, new Message().int(1, dim));
  const tensor = new Message().int(1, ELEMENT[element]).message(2, shape);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}

function constantMessage({ name, values }: GraphConstant): Message {
  const raw = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return new Message().int(1, values.length).int(2, ELEMENT.int64).text(8, name).bytes(9, raw);
}

/** An ONNX file (IR 11, opset 23, com.microsoft 1), the versions that packs are written for. */
export function encodeGraph(graph: Graph): Uint8Array<ArrayBuffer> {
  const body = new Message();
  graph.nodes.forEach((node, index) => {
    body.message(1, nodeMessage(node, index));
  });
  body.text(2, 'self-test');
  for (const constant of graph.constants) body.message(5, constantMessage(constant));
  for (const input of graph.inputs) body.message(11, valueMessage(input));
  for (const output of graph.outputs) body.message(12, valueMessage(output));
  const opset = (domain: string, version: number) => new Message().text(1, domain).int(2, version);
  return new Message()
    .int(1, 11)
    .message(7, body)
    .message(8, opset('', 23))
    .message(8, opset('com.microsoft', 1))
    .finish();
}
