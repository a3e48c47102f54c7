/** The text encoder's graphs and instances, and what the manifest says of it but for the places of rows. */
import { type Manifest, TASK_IDS } from '../../workers/packs/manifest.ts';
import type { EncoderSpec } from '../../workers/packs/manifest-encoder.ts';
import type { Emitter } from './emitter.ts';
import type { GraphPlan, InstancePlan } from './plan-parts.ts';
import type { TextEncoderConfig } from './qwen-config.ts';
import { CLOSE_IMAGE_IDS, CLOSE_PROMPT_IDS, PREFIX_IDS, PROMPT_IDS } from './qwen-ids.ts';
import { languageLayer, languageNorm } from './qwen-language.ts';
import { merger, patchEmbed, visionBlock } from './qwen-vision.ts';

export const EMBEDDING_TENSOR = 'text.embed_tokens.weight';

/** Tensors of a Qwen2.5-VL that conditioning has no use for. */
export const isUnusedText = (name: string) => name === 'text.lm_head.weight' || /^text\..*\.inv_freq$/.test(name);

/** CLIP's, as the processor has them. */
const MEAN = [0.48145466, 0.4578275, 0.40821073];
const STD = [0.26862954, 0.26130258, 0.27577711];

export function encoderParts({ vision, language }: TextEncoderConfig) {
  const fixed = (emit: (e: Emitter) => void): GraphPlan => ({ emit, chunks: [1], modes: 'one' });
  const graphs: [string, GraphPlan][] = [
    ['vision.patch', fixed((e) => patchEmbed(e, vision))],
    ['vision.block', fixed((e) => visionBlock(e, vision))],
    ['vision.merger', fixed((e) => merger(e, vision, language.hidden))],
    ['text.layer', fixed((e) => languageLayer(e, language, PREFIX_IDS.length))],
    ['text.norm', fixed((e) => languageNorm(e, language))],
  ];
  const many = (count: number, id: string, graph: string, tensors: string): InstancePlan[] =>
    Array.from({ length: count }, (_, i) => ({ id: `${id}.${i}`, graph, prefix: `${tensors}.${i}.` }));
  const instances: InstancePlan[] = [
    { id: 'vision.patch', graph: 'vision.patch', prefix: 'text.visual.' },
    ...many(vision.depth, 'vision', 'vision.block', 'text.visual.blocks'),
    { id: 'vision.merger', graph: 'vision.merger', prefix: 'text.visual.merger.' },
    ...many(language.depth, 'text', 'text.layer', 'text.layers'),
    { id: 'text.norm', graph: 'text.norm', prefix: 'text.' },
  ];
  return { graphs, instances };
}

/** Ids whose embeddings a pack needs at run time, ascending: words of all prompts and what closes image and prompt. */
export function neededIds(tasks: readonly (typeof TASK_IDS)[number][] = TASK_IDS): number[] {
  const words = tasks.flatMap((task) => [...PROMPT_IDS[task].en, ...PROMPT_IDS[task].zh]);
  return [...new Set([...words, ...CLOSE_IMAGE_IDS, ...CLOSE_PROMPT_IDS])].sort((a, b) => a - b);
}

/** The manifest's `encoder` without the places, which are known once shards are laid out. */
export function encoderHead(
  { vision, language, image }: TextEncoderConfig,
  tasks: Manifest['tasks'],
): Omit<EncoderSpec, 'embedding' | 'tokenizer' | 'prefix'> {
  const { hidden, heads, depth, patch, merge, window, global } = vision;
  const { level, min_pixels: minPixels, max_pixels: maxPixels } = image;
  return {
    image: { level, minPixels, maxPixels, mean: MEAN, std: STD },
    vision: { hidden, heads, depth, patch, merge, window, global },
    language: {
      heads: language.heads,
      depth: language.depth,
      theta: language.theta,
      sections: language.sections,
    },
    closeImage: [...CLOSE_IMAGE_IDS],
    closePrompt: [...CLOSE_PROMPT_IDS],
    prompts: Object.fromEntries(
      tasks.map(({ id }) => [id, { en: [...PROMPT_IDS[id].en], zh: [...PROMPT_IDS[id].zh] }]),
    ),
  };
}
