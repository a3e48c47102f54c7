/**
 * A checkpoint folder as people have it: this project's export, a diffusers bundle of RealRestorer, or its raw source
 * checkpoint. Says in one sentence what is wrong with any other folder, and settles by the tensors what configs leave open.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PARTS, type Part } from '../../workers/packs/manifest.ts';
import { checkDims, configOfTensors, type PackConfig, readConfig, type Step1xConfig } from './config.ts';
import { withDimsOf } from './dims.ts';
import { withoutPrefix } from './prefix.ts';
import { PREVIEW_FILE } from './preview.ts';
import { textEncoderIn } from './qwen-config.ts';
import { Checkpoint } from './safetensors.ts';
import type { TensorSource } from './source.ts';

export interface Overrides {
  /** Instead of what the tensors tell. */
  readonly version?: 'v1.0' | 'v1.1' | undefined;
  /** RoPE id of the reference tokens on axis 0; by the version where absent. */
  readonly referenceId?: 0 | 1 | undefined;
}

export interface Bundle {
  readonly config: PackConfig;
  readonly source: TensorSource;
  /** Parts that the folder has tensors for. */
  readonly has: readonly Part[];
  /** What was settled, for people. */
  readonly notes: readonly string[];
  /** A name like "RealRestorerPipeline" that the bundle gives itself. */
  readonly className: string | null;
}

const named = z.object({ _class_name: z.string().optional() });

function classNameIn(path: string): string | null {
  if (!existsSync(path)) return null;
  try {
    return named.parse(JSON.parse(readFileSync(path, 'utf8')))._class_name ?? null;
  } catch {
    return null;
  }
}

/** In a pack, and in the bundle's folders. */
export const TOKENIZER_FILE = 'tokenizer.json';

/** Path of the bundle's tokenizer; null without one. */
export function tokenizerIn(folder: string): string | null {
  const places = ['processor', 'tokenizer', 'text_encoder', '.'].map((name) => join(folder, name, TOKENIZER_FILE));
  return places.find((path) => existsSync(path)) ?? null;
}

export const noTokenizer = (folder: string) =>
  `${folder} has no ${TOKENIZER_FILE} (it lies in processor/ or tokenizer/). Fetch it, or leave --prompts out.`;

const OURS = /realrestorer|step1x/i;

/** @throws Error when the folder can't be a checkpoint, with what to do */
function checkFolder(folder: string): void {
  if (!existsSync(folder)) throw new Error(`There is no folder ${folder}.`);
  const there = readdirSync(folder);
  if (there.includes('snapshots') && there.includes('blobs')) {
    const snapshots = readdirSync(join(folder, 'snapshots')).map((name) => join(folder, 'snapshots', name));
    throw new Error(
      `${folder} is a cache of Hugging Face downloads. Give the folder inside it: ${snapshots.join(' or ')}`,
    );
  }
  for (const path of [join(folder, 'model_index.json'), join(folder, 'transformer', 'config.json')]) {
    const name = classNameIn(path);
    if (name !== null && !OURS.test(name)) {
      throw new Error(`${folder} holds another model (${name}). This command converts RealRestorer and Step1X-Edit.`);
    }
  }
  const folders = foldersOf(folder);
  const files = folders.flatMap((path) => readdirSync(path));
  if (files.some((name) => name.endsWith('.safetensors'))) return;
  const pickles = files.filter((name) => /\.(bin|ckpt|pt|pth)$/.test(name));
  if (pickles.length > 0) {
    throw new Error(
      `${folder} has its weights in ${pickles[0]}, which can run code when it is opened. Get the .safetensors files instead.`,
    );
  }
  if (files.some((name) => name.endsWith('config.json'))) {
    throw new Error(`${folder} has a config.json but no .safetensors files. Fetch the weights too.`);
  }
  throw new Error(`no config.json and no .safetensors in ${folder}: it is no checkpoint.`);
}

function foldersOf(checkpoint: string): string[] {
  const parts = ['transformer', 'vae', 'conditioning', 'text_encoder'].map((name) => join(checkpoint, name));
  return [checkpoint, ...parts.filter((path) => existsSync(path))];
}

/**
 * @throws Error when the folder holds no checkpoint, a file of it is damaged, or its config isn't understood
 */
export async function openBundle(folder: string, overrides: Overrides = {}): Promise<Bundle> {
  const hasConfig = ['config.json', join('transformer', 'config.json')].some((name) => existsSync(join(folder, name)));
  const known = hasConfig ? await readConfig(folder) : null;
  checkFolder(folder);
  const source = await Checkpoint.open(foldersOf(folder), withoutPrefix, (file) => file !== PREVIEW_FILE);
  const config = known ?? configOfTensors(source);
  if (config === null) {
    throw new Error(`no config.json in ${folder}, and its tensors are not RealRestorer's: it is another model.`);
  }
  const className =
    classNameIn(join(folder, 'model_index.json')) ?? classNameIn(join(folder, 'transformer', 'config.json'));
  if (config.family !== 'step1x-edit') return { config, source, has: PARTS, notes: [], className };
  const notes: string[] = known === null ? ['no config.json: dims were read from the tensors'] : [];
  // This project's own config.json names every dim; a bundle's names those of the transformer.
  const own = existsSync(join(folder, 'config.json'));
  const dims = own ? config : withText(withDimsOf(source, config), folder, source);
  const settled = settle(dims, source, overrides, notes);
  checkDims(settled);
  return { config: settled, source, has: partsOf(source), notes, className };
}

/** With the dims of the bundle's text encoder, where its tensors are there. */
function withText(config: Step1xConfig, folder: string, source: TensorSource): Step1xConfig {
  const text = textEncoderIn(folder, source);
  return text === null ? config : { ...config, text_encoder: text };
}

/** Parts that a Step1X checkpoint has tensors for. */
export function partsOf(source: Pick<TensorSource, 'names'>): Part[] {
  const names = source.names();
  const has: Record<Part, boolean> = {
    dit: names.some((name) => /^(img_in|double_blocks|single_blocks)\./.test(name)),
    vae: names.some((name) => /^(encoder|decoder)\./.test(name)),
    text: names.includes('conditioning.states') || names.some((name) => name.startsWith('text.layers.')),
  };
  return PARTS.filter((part) => has[part]);
}

/**
 * What the tensors tell, over all shards: guidance embedding, mask token, version. Configs are only believed where there are
 * no tensors to ask; `notes` gets a line for every disagreement.
 */
export function settle(
  config: Step1xConfig,
  source: Pick<TensorSource, 'names' | 'shape'>,
  overrides: Overrides,
  notes: string[],
): Step1xConfig {
  const has = (name: string) => source.shape(name) !== undefined;
  const told = config.transformer;
  const transformer = { ...told };
  if (partsOf(source).includes('dit')) {
    transformer.guidance_embeds = has('guidance_in.in_layer.weight');
    transformer.use_mask_token = has('mask_token');
    transformer.version = has('connector.scale_factor') ? 'v1.0' : 'v1.1';
    for (const key of ['guidance_embeds', 'use_mask_token', 'version'] as const) {
      if (told[key] !== transformer[key]) {
        notes.push(`config.json says ${key} ${told[key]}, the tensors say ${transformer[key]}: the tensors are right`);
      }
    }
  }
  if (overrides.version !== undefined && overrides.version !== transformer.version) {
    notes.push(`the tensors are those of ${transformer.version}; built as ${overrides.version}, as asked`);
    transformer.version = overrides.version;
  }
  const referenceId = overrides.referenceId ?? config.reference_id;
  return { ...config, transformer, ...(referenceId !== undefined && { reference_id: referenceId }) };
}
