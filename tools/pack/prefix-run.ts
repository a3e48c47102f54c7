/**
 * Runs the constant text before the image once, on the pack's own weights: keys and values of every layer become weights of
 * the pack, so that no job computes these 224 tokens again and the text itself isn't needed.
 */

import { rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { narrowToHalves } from '../../workers/packs/half.ts';
import type { Manifest } from '../../workers/packs/manifest.ts';
import type { Place } from '../../workers/packs/manifest-encoder.ts';
import { languageTables, textPosition } from '../../workers/pipeline/qwen/positions.ts';
import type { Provider } from '../backend-node/ort.ts';
import type { Prepared } from './build.ts';
import { type FileSpec, writeWhole } from './files.ts';
import { emitGraphs } from './graphs.ts';
import { EMBEDDING_TENSOR } from './plan-qwen.ts';
import { duration } from './progress.ts';
import { INSTRUCTION_IDS, PREFIX_IDS } from './qwen-ids.ts';
import { languageLayer } from './qwen-language.ts';
import { PackRunner, type Plain } from './runner.ts';
import type { TensorSource } from './source.ts';

export const PREFIX_SHARD = 'prefix-0.bin';
const GRAPH = 'text.first';
export const PREFIX_GRAPH_FILE = `${GRAPH}.onnx`;

/** Decoded weights that are held: a layer is used once. */
const WEIGHT_BYTES = 1e6;

export interface Prefix {
  readonly file: FileSpec;
  readonly tokens: number;
  readonly kept: number;
  readonly states: Place;
  /** `prefix_k` and `prefix_v` of every layer. */
  readonly weights: Manifest['weights'];
}

/** `[1, tokens, hidden]` */
async function embeddings(checkpoint: TensorSource, ids: readonly number[], hidden: number): Promise<Plain> {
  const data = new Float32Array(ids.length * hidden);
  for (const [at, id] of ids.entries()) {
    data.set(await checkpoint.read(EMBEDDING_TENSOR, { start: id, count: 1 }), at * hidden);
  }
  return { dims: [1, ids.length, hidden], data };
}

/** Every token sees itself and those before it. */
function causal(tokens: number): Plain {
  const data = new Float32Array(tokens * tokens);
  for (let query = 0; query < tokens; query++) data.fill(-1e9, query * tokens + query + 1, (query + 1) * tokens);
  return { dims: [1, 1, tokens, tokens], data };
}

/** The pack while it has one more graph, whose instances take the layers' weights. */
function withFirst(rough: Manifest, spec: Manifest['graphs'][string], depth: number): Manifest {
  const ports = spec.weights.map(({ name }) => name);
  const instances = Array.from({ length: depth }, (_, i) => {
    const weights = Object.fromEntries(ports.map((port) => [port, `text.${i}.${port}`]));
    return [`first.${i}`, { graph: GRAPH, weights }] as const;
  });
  return {
    ...rough,
    graphs: { ...rough.graphs, [GRAPH]: spec },
    instances: { ...rough.instances, ...Object.fromEntries(instances) },
  };
}

/** Collects values as they lie in the pack. */
class Shard {
  private readonly parts: Uint8Array[] = [];
  private bytes = 0;
  private readonly stored: 'f16' | 'f32';

  constructor(stored: 'f16' | 'f32') {
    this.stored = stored;
  }

  add(values: Float32Array): Place {
    let data = new Uint8Array(values.slice().buffer);
    if (this.stored === 'f16') {
      const halves = new Uint16Array(values.length);
      narrowToHalves(values, halves);
      data = new Uint8Array(halves.buffer);
    }
    const place = { shard: PREFIX_SHARD, offset: this.bytes, bytes: data.length };
    const padding = new Uint8Array(-data.length & 15);
    this.parts.push(data, padding);
    this.bytes += data.length + padding.length;
    return place;
  }

  whole(): Uint8Array {
    return Buffer.concat(this.parts);
  }
}

/**
 * @param rough the manifest of what lies in the folder; its layers lack their `prefix_k` and `prefix_v`
 * @throws Error when a value isn't finite or too large for fp16: the weights are damaged then
 */
export async function runPrefix(
  folder: string,
  rough: Manifest,
  { plan, formats }: Pick<Prepared, 'plan' | 'formats'>,
  checkpoint: TensorSource,
  provider: Provider,
  log: (line: string) => void,
): Promise<Prefix> {
  if (plan.encoder === null) throw new Error('no text encoder');
  const { language } = plan.encoder.config;
  const emit = { emit: (e: Parameters<typeof languageLayer>[0]) => languageLayer(e, language, 0) };
  const emitted = emitGraphs({ graphs: new Map([[GRAPH, { ...emit, chunks: [1], modes: 'one' }]]) }, formats).get(
    GRAPH,
  );
  if (emitted === undefined) throw new Error(`no graph ${GRAPH}`);
  for (const [name, bytes] of emitted.files) await writeFile(join(folder, name), bytes);
  const runner = new PackRunner(folder, withFirst(rough, emitted.spec, language.depth), {
    budget: WEIGHT_BYTES,
    provider,
  });
  const shard = new Shard(formats.plain);
  const weights: Manifest['weights'] = {};
  const started = performance.now();
  try {
    const tokens = PREFIX_IDS.length;
    const tables = languageTables(
      PREFIX_IDS.map((_, at) => textPosition(at)),
      language.sections,
      language.theta,
    );
    const cos = { dims: tables.dims, data: tables.cos };
    const sin = { dims: tables.dims, data: tables.sin };
    const bias = causal(tokens);
    let x = await embeddings(checkpoint, PREFIX_IDS, language.hidden);
    for (let layer = 0; layer < language.depth; layer++) {
      const outputs: Record<string, Plain> = await runner.run(`first.${layer}`, { x, cos, sin, bias });
      for (const name of ['k', 'v'] as const) {
        const { dims, data } = plainOf(outputs, name);
        const place = shard.add(checked(data, `keys and values of layer ${layer}`, formats.plain));
        weights[`text.${layer}.prefix_${name}`] = { ...place, stored: formats.plain, shape: [...dims] };
      }
      x = plainOf(outputs, 'x');
      const seconds = ((performance.now() - started) / 1000 / (layer + 1)) * (language.depth - layer - 1);
      if (seconds > 5) log(`constant text: layer ${layer + 1} of ${language.depth}, ${duration(seconds)} left`);
    }
    const states = plainOf(await runner.run('text.norm', { x }), 'states').data.subarray(
      INSTRUCTION_IDS.length * language.hidden,
    );
    const kept = tokens - INSTRUCTION_IDS.length;
    const place = shard.add(checked(states, 'states of the constant text', formats.plain));
    return { file: await writeWhole(folder, PREFIX_SHARD, shard.whole()), tokens, kept, states: place, weights };
  } finally {
    await runner.close();
    for (const name of emitted.files.keys()) rmSync(join(folder, name), { force: true });
  }
}

function plainOf(
  outputs: Readonly<Record<string, Plain>>,
  name: string,
): { dims: readonly number[]; data: Float32Array } {
  const output = outputs[name];
  if (!(output?.data instanceof Float32Array)) throw new Error(`no output ${name}`);
  return { dims: output.dims, data: output.data };
}

function checked(values: Float32Array, what: string, stored: 'f16' | 'f32'): Float32Array {
  const most = stored === 'f16' ? 65504 : Number.MAX_VALUE;
  if (values.every((value) => Math.abs(value) <= most)) return values;
  throw new Error(`${what} are not finite or too large for fp16: the text encoder's weights look damaged`);
}
