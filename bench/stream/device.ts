/**
 * The blocks of RealRestorer's true width at 8,832 tokens on a real GPU, through onnxruntime-node's WebGPU (not a dependency:
 * `npm install --no-save onnxruntime-node`): TFLOP/s of each kind of block beside a plain matrix product on the same device, the
 * longest dispatch, and what 28 steps at 1024 × 1024 px would take. Times are the GPU's own, of every dispatch.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Tensor } from 'onnxruntime-web';
import { loadOrt, type OrtModule } from '../../tools/backend-node/ort.ts';
import { PackFolder } from '../../tools/backend-node/pack-folder.ts';
import { makeBlockPack, TRUE_WIDTH } from '../../tools/conformance/block-pack.ts';
import { narrowToHalves } from '../../workers/packs/half.ts';
import type { Manifest, Mode } from '../../workers/packs/manifest.ts';
import { decodeWeight, fedDType } from '../../workers/packs/weights.ts';
import { bindShapes, resolveShape } from '../../workers/pipeline/shapes.ts';
import { countTokens } from '../../workers/pipeline/tokens.ts';
import { blockProducts } from '../../workers/pipeline/work.ts';
import { graphOf, variantFile } from '../../workers/runtime/graphs.ts';
import { encodeGraph } from '../../workers/runtime/onnx-bytes.ts';

const OPTIONS = {
  mode: { type: 'string', default: 'f16' },
  /** Side of the tile in px. */
  side: { type: 'string', default: '1024' },
  /** Text tokens. */
  text: { type: 'string', default: '640' },
  chunks: { type: 'string', default: '40' },
  runs: { type: 'string', default: '3' },
  /** Side of the plain matrix product. */
  matmul: { type: 'string', default: '4096' },
} as const;

/** RealRestorer's blocks of each kind and branches. */
const COUNTS = { 'double.0': 19, 'single.0': 37, 'last.0': 1 } as const;
const BRANCHES = 2;
const STEPS = 28;

interface Dispatch {
  readonly program: string;
  readonly ms: number;
}

/** `--mode f16|f32 --side 1024 --text 640 --chunks 40 --runs 3 --matmul 4096`. Times in ms. */
export async function benchDevice(args: string[]): Promise<object> {
  const { values } = parseArgs({ args, options: OPTIONS });
  const mode: Mode = values.mode === 'f32' ? 'f32' : 'f16';
  const side = Number(values.side);
  const text = Number(values.text);
  const ort = await loadOrt('webgpu', 1);
  const folder = await mkdtemp(join(tmpdir(), 'device-'));
  try {
    const made = await makeBlockPack(folder, TRUE_WIDTH);
    const manifest: Manifest = { ...made, family: { ...made.family, contextTokens: text } };
    const pack = PackFolder.unchecked(folder, manifest);
    const rate = await matmulRate(ort, folder, mode, Number(values.matmul), Number(values.runs));
    console.error(`plain product: ${rate.toFixed(1)} TFLOP/s`);
    const blocks: Record<string, object> = {};
    let [stepMs, longest]: [number, Dispatch] = [0, { program: '', ms: 0 }];
    for (const [id, count] of Object.entries(COUNTS)) {
      const { graph } = graphOf(manifest, id);
      const bytes = await pack.file(variantFile(graph, mode, Number(values.chunks)));
      const feeds = await feedsOf(ort, pack, id, mode, side);
      const dispatches = await timed(ort, bytes, feeds, folder, Number(values.runs));
      const ms = dispatches.reduce((sum, one) => sum + one.ms, 0);
      for (const one of dispatches) if (one.ms > longest.ms) longest = one;
      const macs = blockProducts(manifest, id, side, side).reduce((sum, one) => sum + one.macs, 0);
      // The last block runs for half of its tokens: its share is told by time alone.
      const tflops = id === 'last.0' ? null : round((2 * macs) / ms / 1e9);
      blocks[id.split('.')[0] ?? id] = {
        ms: round(ms),
        dispatches: dispatches.length,
        tflops,
        ofMatmul: tflops && round(tflops / rate),
      };
      stepMs += BRANCHES * count * ms;
      console.error(`${id}: ${JSON.stringify(blocks[id.split('.')[0] ?? id])}`);
    }
    const { image } = countTokens(manifest, side, side);
    return {
      mode,
      tokens: image + text,
      queryChunks: Number(values.chunks),
      matmulTflops: round(rate),
      blocks,
      longestProgram: longest.program,
      longestDispatchMs: round(longest.ms),
      stepSeconds: round(stepMs / 1000),
      projectedSeconds28: Math.round((STEPS * stepMs) / 1000),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Dispatches of one run, the quickest of so many after a first one that compiles. */
async function timed(
  ort: OrtModule,
  model: Uint8Array,
  feeds: Record<string, Tensor>,
  folder: string,
  runs: number,
): Promise<Dispatch[]> {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['webgpu'],
    enableProfiling: true,
    profileFilePrefix: join(folder, 'profile'),
    logSeverityLevel: 3,
  });
  for (let run = 0; run <= runs; run++) await session.run(feeds);
  await session.release();
  const [name] = (await readdir(folder)).filter((each) => each.startsWith('profile'));
  if (name === undefined) throw new Error('onnxruntime wrote no profile');
  const events = JSON.parse(await readFile(join(folder, name), 'utf8')) as { cat: string; name: string; dur: number }[];
  await rm(join(folder, name));
  // Written for every dispatch, in µs, where the device has timestamps.
  const all = events.filter(({ cat }) => cat === 'Api').map(({ name: program, dur }) => ({ program, ms: dur / 1000 }));
  const each = all.length / (runs + 1);
  const lists = Array.from({ length: runs }, (_, run) => all.slice((run + 1) * each, (run + 2) * each));
  const total = (list: Dispatch[]) => list.reduce((sum, { ms }) => sum + ms, 0);
  return lists.sort((a, b) => total(a) - total(b))[0] ?? [];
}

/** TFLOP/s of a square product of the compute type. */
async function matmulRate(ort: OrtModule, folder: string, mode: Mode, side: number, runs: number): Promise<number> {
  const element = mode === 'f16' ? 'float16' : 'float32';
  const dims = [side, side];
  const model = encodeGraph({
    nodes: [{ op: 'MatMul', inputs: ['a', 'b'], output: 'c' }],
    inputs: [
      { name: 'a', element, dims },
      { name: 'b', element, dims },
    ],
    outputs: [{ name: 'c', element, dims }],
    constants: [],
  });
  const square = tensor(ort, element, dims, () => 0.5);
  const dispatches = await timed(ort, model, { a: square, b: square }, folder, runs);
  return (2 * side ** 3) / dispatches.reduce((sum, { ms }) => sum + ms, 0) / 1e9;
}

/** Weights of the pack, and data inputs that are drawn. */
async function feedsOf(ort: OrtModule, pack: PackFolder, id: string, mode: Mode, side: number) {
  const { manifest } = pack;
  const { graph } = graphOf(manifest, id);
  const { image } = countTokens(manifest, side, side);
  const sizes = bindShapes(
    [],
    {},
    { n: image, T: manifest.family.contextTokens, K: manifest.family.contextTokens, S: 1 },
  );
  const feeds: Record<string, Tensor> = {};
  for (const port of graph.weights) {
    const spec = manifest.weights[manifest.instances[id]?.weights[port.name] ?? ''];
    if (!spec) throw new Error(`${id} has no weight for ${port.name}`);
    const bytes = await pack.range(spec.shard, spec.offset, spec.bytes);
    const dtype = fedDType(port, mode);
    feeds[port.name] = new ort.Tensor(dtype, decodeWeight(bytes, spec, dtype), spec.shape);
  }
  for (const { name, dtype, shape } of graph.inputs) {
    const dims = resolveShape(shape, sizes) ?? [];
    if (dtype === 'int32') {
      const length = dims.reduce((all, each) => all * each, 1);
      const rows = Int32Array.from({ length }, (_, row) => (name === 'text_rows' ? row : 0));
      feeds[name] = new ort.Tensor('int32', rows, dims);
    } else feeds[name] = tensor(ort, 'float32', dims, (i) => Math.sin(i));
  }
  return feeds;
}

function tensor(ort: OrtModule, element: 'float32' | 'float16', dims: number[], at: (i: number) => number): Tensor {
  const length = dims.reduce((all, each) => all * each, 1);
  const values = Float32Array.from({ length }, (_, i) => at(i));
  if (element === 'float32') return new ort.Tensor('float32', values, dims);
  const halves = new Uint16Array(length);
  narrowToHalves(values, halves);
  return new ort.Tensor('float16', halves, dims);
}

const round = (value: number) => Math.round(value * 100) / 100;
