/**
 * The linear map from latents to RGB that previews use: from the checkpoint's own head where it has one, else fitted by least
 * squares to the pack's own decoder: what it makes of the latents of seeded pictures (patches, ramps and noise), averaged over
 * the 8×8 pixels that a latent covers.
 */
import type { Manifest } from '../../workers/packs/manifest.ts';
import { PackRunner } from './runner.ts';
import { Checkpoint } from './safetensors.ts';

export interface LinearMap {
  readonly matrix: number[][];
  readonly bias: number[];
}

/** A checkpoint's file with the trained map: `weight` `[12, channels, 1, 1]`, `bias` `[12]`, four pixels a latent. */
export const PREVIEW_FILE = 'preview.safetensors';
const PIXELS = 4;

/** 400 latents: many times the 17 unknowns, and half a minute on one core at RealRestorer's widths. */
const PICTURES = 4;
const SIDE = 80;
const FACTOR = 8;
/** Decoded weights that are held: every graph's are read again for each picture rather than all kept. */
const WEIGHT_BYTES = 64e6;
/** Keeps the normal equations solvable where latents are nearly dependent; relative to their mean diagonal. */
const RIDGE = 1e-4;

/** Uniform numbers in [0, 1), the same on every machine (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A picture `[3, side, side]` in [-1,1]: a colour ramp under coloured rectangles, with a little noise. */
export function drawPicture(seed: number, side: number): Float32Array {
  const random = seeded(seed);
  const colour = () => [0, 1, 2].map(() => random() * 2 - 1);
  const out = new Float32Array(3 * side * side);
  const corners = [colour(), colour(), colour()];
  const boxes = Array.from({ length: 10 }, () => ({
    x: random() * side,
    y: random() * side,
    w: (0.05 + 0.4 * random()) * side,
    h: (0.05 + 0.4 * random()) * side,
    colour: colour(),
  }));
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const box = boxes.findLast((b) => x >= b.x && x < b.x + b.w && y >= b.y && y < b.y + b.h);
      for (let c = 0; c < 3; c++) {
        const [a = 0, b = 0, d = 0] = corners.map((corner) => corner[c] ?? 0);
        const ramp = a + ((b - a) * x) / side + ((d - a) * y) / side / 2;
        const value = (box?.colour[c] ?? ramp) + 0.06 * (random() - 0.5);
        out[(c * side + y) * side + x] = Math.max(-1, Math.min(1, value));
      }
    }
  }
  return out;
}

/** Solves A·X = B for symmetric positive A (n × n) by elimination with pivoting; B has `columns` columns. */
export function solve(a: number[][], b: number[][]): number[][] {
  const n = a.length;
  const rows = a.map((row, i) => [...row, ...(b[i] ?? [])]);
  for (let i = 0; i < n; i++) {
    let pivot = i;
    for (let r = i + 1; r < n; r++) if (Math.abs(rows[r]?.[i] ?? 0) > Math.abs(rows[pivot]?.[i] ?? 0)) pivot = r;
    const top = rows[pivot];
    const other = rows[i];
    if (top === undefined || other === undefined || top[i] === 0) throw new Error('singular system');
    rows[i] = top;
    rows[pivot] = pivot === i ? top : other;
    const lead = top[i] ?? 1;
    for (let c = i; c < top.length; c++) top[c] = (top[c] ?? 0) / lead;
    for (const row of rows) {
      const factor = row === top ? 0 : (row[i] ?? 0);
      if (factor !== 0) for (let c = i; c < row.length; c++) row[c] = (row[c] ?? 0) - factor * (top[c] ?? 0);
    }
  }
  return rows.map((row) => row.slice(n));
}

function meanColour(picture: ArrayLike<number>, channel: number, y: number, x: number): number {
  let sum = 0;
  for (let dy = 0; dy < FACTOR; dy++) {
    for (let dx = 0; dx < FACTOR; dx++) {
      sum += picture[(channel * SIDE + y * FACTOR + dy) * SIDE + x * FACTOR + dx] ?? 0;
    }
  }
  return sum / FACTOR ** 2;
}

const round = (value: number) => Number(value.toPrecision(6));

/** The trained head's map, averaged over its four pixels; null where the checkpoint has none. */
export async function trainedPreview(folder: string, channels: number): Promise<LinearMap | null> {
  const file = await Checkpoint.open([folder], undefined, (name) => name === PREVIEW_FILE);
  try {
    if (file.names().length === 0) return null;
    if (file.shape('weight')?.join() !== `12,${channels},1,1` || file.shape('bias')?.join() !== '12') {
      throw new Error(`${PREVIEW_FILE}: should hold weight [12, ${channels}, 1, 1] and bias [12]`);
    }
    const weight = await file.read('weight');
    const bias = await file.read('bias');
    const mean = (at: (pixel: number) => number) => {
      const values = Array.from({ length: PIXELS }, (_, pixel) => at(pixel));
      return round(values.reduce((a, b) => a + b, 0) / PIXELS);
    };
    return {
      matrix: [0, 1, 2].map((rgb) =>
        Array.from({ length: channels }, (_, c) => mean((pixel) => weight[(rgb * PIXELS + pixel) * channels + c] ?? 0)),
      ),
      bias: [0, 1, 2].map((rgb) => mean((pixel) => bias[rgb * PIXELS + pixel] ?? 0)),
    };
  } finally {
    await file.close();
  }
}

/**
 * Latents of the pictures, and the pictures to hold against them: what the decoder makes of those latents, or the pictures
 * themselves for a decoder that is told more than the latents.
 */
export async function* previewSamples(folder: string, manifest: Manifest) {
  const { vae, switches } = manifest;
  const runner = new PackRunner(folder, manifest, { budget: WEIGHT_BYTES });
  try {
    for (let p = 0; p < PICTURES; p++) {
      const picture = drawPicture(1000 + p, SIDE);
      const photo = { dims: [1, 3, SIDE, SIDE], data: picture };
      const { latents } = await runner.chain(vae.encode, { photo }, ['latents']);
      if (latents === undefined) throw new Error('the encoder gives no latents');
      if (switches.decoderInputs !== 'latents') {
        yield { latents: latents.data, colours: picture };
        continue;
      }
      const { restored } = await runner.chain(vae.decode, { latents }, ['restored']);
      if (restored === undefined) throw new Error('the decoder gives no picture');
      yield { latents: latents.data, colours: restored.data };
    }
  } finally {
    await runner.close();
  }
}

/**
 * Fits the map with the pack's own autoencoder, fp32.
 *
 * @returns `rgb = matrix · z + bias`, RGB in [-1,1]
 */
export async function fitPreview(folder: string, manifest: Manifest): Promise<LinearMap> {
  const channels = manifest.family.latentChannels;
  const size = channels + 1;
  const normal = Array.from({ length: size }, () => Array<number>(size).fill(0));
  const right = Array.from({ length: size }, () => [0, 0, 0]);
  for await (const { latents, colours } of previewSamples(folder, manifest)) {
    const cells = SIDE / FACTOR;
    for (let at = 0; at < cells * cells; at++) {
      const z = Array.from({ length: size }, (_, c) => (c === channels ? 1 : (latents[c * cells * cells + at] ?? 0)));
      const rgb = [0, 1, 2].map((c) => meanColour(colours, c, Math.floor(at / cells), at % cells));
      for (const [i, zi] of z.entries()) {
        for (const [j, zj] of z.entries()) (normal[i] ?? [])[j] = (normal[i]?.[j] ?? 0) + zi * zj;
        for (const [c, value] of rgb.entries()) (right[i] ?? [])[c] = (right[i]?.[c] ?? 0) + zi * value;
      }
    }
  }
  const ridge = (RIDGE * normal.reduce((sum, row, i) => sum + (row[i] ?? 0), 0)) / size;
  normal.forEach((row, i) => {
    row[i] = (row[i] ?? 0) + ridge;
  });
  const fitted = solve(normal, right);
  return {
    matrix: [0, 1, 2].map((c) => fitted.slice(0, channels).map((row) => round(row[c] ?? 0))),
    bias: [0, 1, 2].map((c) => round(fitted[channels]?.[c] ?? 0)),
  };
}
