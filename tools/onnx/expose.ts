/** Makes the values inside a graph visible, for tests of their range. */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { z } from 'zod';

const schema = protobuf.parse(readFileSync(new URL('./onnx.proto', import.meta.url), 'utf8'), { keepCase: true }).root;
const modelType = schema.lookupType('onnx.ModelProto');

const nodes = z.object({
  graph: z.object({
    node: z.array(z.object({ op_type: z.string(), input: z.array(z.string()), output: z.array(z.string()) })),
  }),
});

/**
 * The same model with every value that a node makes as an output too.
 *
 * @param model written by `ModelBuilder`: fields that it never writes are lost
 */
export function exposeAll(model: Uint8Array): Uint8Array {
  const message = modelType.toObject(modelType.decode(model), { arrays: true });
  const inside = nodes.parse(message).graph.node.flatMap(({ output }) => output);
  const known = new Set<string>(message.graph.output.map(({ name }: { name: string }) => name));
  // Without a type: the engine finds it.
  for (const name of inside) if (!known.has(name)) message.graph.output.push({ name });
  return modelType.encode(modelType.fromObject(message)).finish();
}

/** By the name of every value that a node makes: its operator and the graph's inputs that it reads, "MatMulNBits q.b q.scales". */
export function makersOf(model: Uint8Array): Map<string, string> {
  const message = modelType.toObject(modelType.decode(model), { arrays: true });
  const given = new Set<string>(message.graph.input.map(({ name }: { name: string }) => name));
  const { node } = nodes.parse(message).graph;
  return new Map(
    node.flatMap(({ op_type, input, output }) => {
      const maker = [op_type, ...input.filter((name) => given.has(name))].join(' ');
      return output.map((name): [string, string] => [name, maker]);
    }),
  );
}
