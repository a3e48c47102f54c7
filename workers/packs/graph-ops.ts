/**
 * The operators that graphs of packs may hold. The pack builder writes no others (tools/onnx/model.ts asks here), and the
 * engine refuses graphs with others: no control flow, no functions, nothing that reads files or makes tensors of sizes
 * that come from data.
 */
export const GRAPH_OPS: Readonly<Record<string, readonly string[]>> = {
  '': [
    ...['Add', 'Cast', 'Clip', 'Concat', 'Conv', 'DepthToSpace', 'Div', 'Exp', 'Gather', 'Gelu', 'Identity'],
    ...[
      'LayerNormalization',
      'LeakyRelu',
      'Log',
      'MatMul',
      'Mul',
      'Pad',
      'RMSNormalization',
      'ReduceMax',
      'ReduceMean',
    ],
    ...['ReduceSum', 'Relu', 'Reshape', 'Resize', 'RotaryEmbedding', 'Sigmoid', 'Slice', 'Split', 'Sqrt', 'Sub'],
    ...['Tanh', 'Transpose'],
  ],
  'com.microsoft': ['MatMulNBits', 'MultiHeadAttention'],
};

export function isGraphOp(domain: string, op: string): boolean {
  return Object.hasOwn(GRAPH_OPS, domain) && (GRAPH_OPS[domain]?.includes(op) ?? false);
}

/** Limits of one graph file. The largest that the builder writes are below a tenth of these. */
export const GRAPH_LIMITS = {
  bytes: 2 ** 20,
  nodes: 4_000,
  /** Inputs and outputs of a node; 40 query chunks are the most that is written. */
  ports: 256,
  constants: 1_000,
  /** Of all constants together. */
  constantBytes: 2 ** 18,
  name: 200,
  attributes: 16,
  rank: 8,
} as const;
