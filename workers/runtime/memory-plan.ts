/**
 * The memory plan of a job on a GPU: how many bytes go to activations, tables and weights under the person's cap, and so
 * how many blocks stay. Pure. The cap is never found by filling memory: drivers spill to the host instead of failing.
 */
import type { Manifest, Mode } from '../packs/manifest.ts';
import { type EncoderSpec, encoderInstances } from '../packs/manifest-encoder.ts';
import { fedBytes, fedDType } from '../packs/weights.ts';
import type { JobSize } from '../pipeline/backend.ts';
import { branchesOf } from '../pipeline/guidance.ts';
import { blockInstances } from '../pipeline/plan.ts';
import { encoderOf, MOST_PROMPT_TOKENS } from '../pipeline/qwen/choices.ts';
import { countTokens } from '../pipeline/tokens.ts';
import { roundUp16 } from './buffers.ts';
import { graphOf } from './graphs.ts';
import { type BlockWeights, planWeights, type WeightPlan } from './weight-plan.ts';
import { weightOf } from './weights-load.ts';

/** What people are asked for where they said nothing: fits a 4 GB card with a browser and a desktop on it. */
export const DEFAULT_CAP = 3e9;

/**
 * Activations that ORT holds inside one block, in units of one stream `[n + T, D]` of the compute type. Measured on both
 * block types with the cache mode `lazyRelease` (`npm run bench -- stream`).
 */
const INNER_STREAMS = 13;

export interface MemoryPlan {
  /** Tiles that go through the blocks together and share every streamed block. */
  readonly tilesPerUpload: number;
  /** Streams between blocks, and what ORT holds inside one. */
  readonly activationBytes: number;
  /** Modulation of all steps, text streams, rotary tables. */
  readonly tableBytes: number;
  /** Weights of other instances: at most this much of them stays at a time. */
  readonly otherBytes: number;
  readonly weights: WeightPlan;
  readonly totalBytes: number;
}

/** Most tiles that go through the blocks together: from here on, another one saves little reading. */
const MOST_TOGETHER = 8;

/**
 * Where weights are streamed, tiles share what is uploaded: as many as the cap allows without taking the place of more than a
 * tenth of the blocks. Twice as many tiles halve what is read.
 *
 * @param cap bytes of GPU memory that the app may take
 */
export function planMemory(manifest: Manifest, mode: Mode, size: JobSize, cap: number): MemoryPlan {
  const alone = planTogether(manifest, mode, size, cap, 1);
  let best = alone;
  const blocks = alone.weights.resident.size + alone.weights.streamed.size;
  for (let tiles = 2; tiles <= Math.min(MOST_TOGETHER, size.tiles ?? 1) && alone.weights.streamed.size > 0; tiles++) {
    const plan = planTogether(manifest, mode, size, cap, tiles);
    if (plan.totalBytes > Math.max(cap, alone.totalBytes)) break;
    if (alone.weights.resident.size - plan.weights.resident.size > blocks / 10) break;
    best = plan;
  }
  return best;
}

function planTogether(manifest: Manifest, mode: Mode, size: JobSize, cap: number, tiles: number): MemoryPlan {
  const { family, switches } = manifest;
  const tokens = countTokens(manifest, size.width, size.height);
  const branches = branchesOf(switches.guidance).length;
  const text = textRows(manifest);
  const stream = (tokens.image + text) * family.hidden;
  const compute = mode === 'f16' ? 2 : 4;
  const held = (size.heldStreams ?? 0) * tokens.image * family.hidden * 4;
  const activationBytes = (branches + 1) * tiles * stream * 4 + INNER_STREAMS * stream * compute + held;

  const headDim = family.axesDim.reduce((sum, axis) => sum + axis, 0);
  const rope = 2 * tokens.image * (headDim / 2) * 4;
  const modulation = size.steps * (12 * family.double + 3 * family.single + 2) * family.hidden * 4;
  const texts = (switches.conditioning.kind === 'table' ? 1 : size.steps) * text * family.hidden * 4;
  const tableBytes = rope + branches * (modulation + texts);

  const otherBytes = otherWeightBytes(manifest, mode);
  const fixed = activationBytes + tableBytes + otherBytes;
  const weights = planWeights(blockWeights(manifest, mode), cap - fixed);
  const totalBytes = fixed + weights.residentBytes + weights.slotBytes + weights.stagingBytes;
  return { tilesPerUpload: tiles, activationBytes, tableBytes, otherBytes, weights, totalBytes };
}

/** Rows of the longest text stream: padding is one row. */
function textRows({ family, switches: { conditioning } }: Manifest): number {
  if (conditioning.kind === 'table' || conditioning.valid.length === 0) return family.contextTokens;
  return Math.min(family.contextTokens, Math.max(...conditioning.valid) + 1);
}

/** Other instances than blocks run once a photo or are small: one of them at a time is enough, a few make it quicker. */
const OTHERS_KEPT = 64 * 1024 ** 2;

/** Bytes that weights of VAE, prologue and edges may hold: all of them, or as much as the largest needs. */
export function otherWeightBytes(manifest: Manifest, mode: Mode): number {
  const flowing = new Set([...blockInstances(manifest), ...readingBlocks(manifest)]);
  const others = Object.keys(manifest.instances).filter((id) => !flowing.has(id));
  const bytes = others.map((id) => weightBytes(manifest, mode, id));
  const all = bytes.reduce((sum, one) => sum + one, 0);
  return Math.min(all, Math.max(OTHERS_KEPT, ...bytes));
}

/** The blocks of a pack in the order in which they run, with their bytes as fed. */
export function blockWeights(manifest: Manifest, mode: Mode): BlockWeights[] {
  // A pack without its transformer can still encode and decode.
  const ids = blockInstances(manifest).filter((id) => Object.hasOwn(manifest.instances, id));
  return ids.map((id) => ({ id, graph: graphOf(manifest, id).id, bytes: weightBytes(manifest, mode, id) }));
}

/** Blocks of the text encoder in the order in which they run. */
function readingBlocks({ switches: { conditioning } }: Manifest): string[] {
  if (conditioning.kind !== 'qwen2.5-vl' || !conditioning.encoder) return [];
  return encoderInstances(conditioning.encoder).filter((id) => /\.\d+$/.test(id));
}

/** While the photo is read. No cap makes it smaller: each block runs once, and every one of them flows. */
export interface ReadingPlan {
  readonly weights: WeightPlan;
  /** Inside the largest block, at the largest image that the model sees. */
  readonly activationBytes: number;
  /** Patch embedding, merger and last norm: one of them at a time. */
  readonly otherBytes: number;
  readonly totalBytes: number;
}

/** @returns null for packs without a text encoder */
export function planReading(manifest: Manifest, mode: Mode): ReadingPlan | null {
  const encoder = encoderOf(manifest);
  if (!encoder) return null;
  const flowing = readingBlocks(manifest);
  const bytesOf = (id: string) => weightBytes(manifest, mode, id);
  const blocks = flowing.map((id) => ({ id, graph: graphOf(manifest, id).id, bytes: bytesOf(id) }));
  const weights = planWeights(blocks, 0);
  const activationBytes = readingActivations(manifest, encoder);
  const others = encoderInstances(encoder).filter((id) => !flowing.includes(id));
  const otherBytes = Math.max(...others.map(bytesOf));
  const totalBytes = activationBytes + otherBytes + weights.slotBytes + weights.stagingBytes;
  return { weights, activationBytes, otherBytes, totalBytes };
}

/** Tensors inside a block: of its width, of its MLP's width, and of queries × keys for every head. All fp32. */
const WIDE = 12;
const MLP_WIDE = 4;
const SCORES = 2;

function readingActivations(manifest: Manifest, encoder: EncoderSpec): number {
  const { image, vision, language, prefix, closeImage, closePrompt } = encoder;
  const patches = Math.floor(image.maxPixels / vision.patch ** 2);
  const longest = encoder.tokenizer === null ? Math.max(...wordsOf(encoder)) : MOST_PROMPT_TOKENS;
  const tokens = patches / vision.merge ** 2 + closeImage.length + longest + 2 * closePrompt.length;
  const inside = (id: string, rows: number, keys: number, hidden: number, heads: number) =>
    4 * (rows * (WIDE * hidden + MLP_WIDE * mlpWidth(manifest, id)) + SCORES * heads * rows * keys);
  const { conditioning } = manifest.switches;
  const hidden = conditioning.kind === 'qwen2.5-vl' ? conditioning.stateDim : 0;
  return Math.max(
    inside('vision.0', patches, patches, vision.hidden, vision.heads),
    inside('text.0', tokens, tokens + prefix.tokens, hidden, language.heads),
  );
}

const wordsOf = ({ prompts }: EncoderSpec) => Object.values(prompts).flatMap(({ en, zh }) => [en.length, zh.length]);

/** Width of a block's MLP: the larger side of its gate, however that is stored. */
function mlpWidth(manifest: Manifest, instance: string): number {
  const ports = graphOf(manifest, instance).graph.weights.filter(({ name }) => name.startsWith('gate'));
  return Math.max(0, ...ports.flatMap((port) => weightOf(manifest, instance, port).shape));
}

/** Bytes of the buffers that an instance's weights take. */
function weightBytes(manifest: Manifest, mode: Mode, instance: string): number {
  return portBytes(manifest, mode, instance).reduce((sum, bytes) => sum + bytes, 0);
}

/** Bytes of the buffer of each weight of an instance, in the order of its graph's ports. */
export function portBytes(manifest: Manifest, mode: Mode, instance: string): number[] {
  return graphOf(manifest, instance).graph.weights.map((port) =>
    roundUp16(fedBytes(weightOf(manifest, instance, port), fedDType(port, mode))),
  );
}
