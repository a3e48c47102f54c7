import { parseArgs } from 'node:util';
import { z } from 'zod';
import { TASK_IDS, type TaskId, taskId } from '../../workers/packs/manifest.ts';
import { LANGUAGES, type PromptLanguage, SEEN, type Seen } from '../../workers/pipeline/qwen/choices.ts';
import {
  CACHE_SHARE,
  GUIDANCE_EMBED,
  GUIDANCE_SCALE,
  POSTERIORS,
  type Posterior,
  type Range,
  REFERENCE_IDS,
} from '../../workers/pipeline/switches.ts';
import { isProvider, PROVIDERS, type Provider } from '../backend-node/ort.ts';

export const USAGE = `npm run restore -- <photos or folders> -o <file or folder> --task <task> [options]

  -o, --output PATH  a file for one photo, else a folder (made if missing; results are PNG there)
  --task TASK        ${TASK_IDS.join(', ')},
                     or auto: what the pack proposes for each photo; one that looks clean is left as it is
  --pack DIR         folder of the pack (default: the embedded one)
  --ep NAME          ${PROVIDERS.join(', ')} (default wasm; the others need onnxruntime-node)
  --steps N          Euler steps (default: the pack's)
  --seed N           seed of the noise (default 42)
  --tile N           side of a tile in px (default: the pack's)
  --threads N        threads of the wasm kernels (default: one a core, at most 4)
  --reference-id N   RoPE id of the reference tokens, ${REFERENCE_IDS} (default: the pack's)
  --guidance-embed X value for the guidance embedder, ${GUIDANCE_EMBED} (default: the pack's)
  --guidance-scale X scale of the guidance, ${GUIDANCE_SCALE}; 1 turns it off and halves the time (default: the pack's)
  --first-block-cache X  leave blocks out where the first one changes by less than this share, ${CACHE_SHARE} (default: 0, off)
  --skip-uncond X    leave the branch without prompt out from this timestep on, ${CACHE_SHARE} (default: 0, off)
  --posterior NAME   reference latents: ${POSTERIORS.join(' or ')} of what the VAE gives (default mean)
  --seen NAME        what the language model sees: ${SEEN.join(', ')} (default photo)
  --prompt-language L  language of the task's prompt: ${LANGUAGES.join(' or ')} (default en)
  --prompt TEXT      a prompt of your own in place of the task's, for packs built with --prompts any
  --ranges FILE      writes how large the values that go into and out of every graph get, as JSON; what float16 does not
                     hold is told on stderr
  --ranges-inside    with --ranges: also what the nodes of the graphs make, in float32 and in the float16 variant; takes
                     several times as long and more memory, so use small tiles
  --dit-off          the reference latents go straight to the decoder, for measurements

Progress goes to stderr, one JSON line a photo to stdout.
`;

export interface Arguments {
  readonly inputs: readonly string[];
  readonly output: string;
  readonly task: TaskId | 'auto';
  readonly pack: string;
  readonly provider: Provider;
  readonly steps?: number;
  readonly seed: number;
  readonly tile?: number;
  readonly threads?: number;
  readonly referenceId?: number;
  readonly guidanceEmbed?: number;
  readonly guidanceScale?: number;
  readonly firstBlockCache?: number;
  readonly skipUncond?: number;
  readonly posterior?: Posterior;
  readonly seen?: Seen;
  readonly promptLanguage?: PromptLanguage;
  readonly prompt?: string;
  readonly ranges?: string;
  readonly rangesInside: boolean;
  readonly ditOff: boolean;
}

/** A wrong command line; the message is the sentence for the person. */
export class UsageError extends Error {}

/**
 * @param argv without node and script
 * @param defaultPack folder of the embedded pack
 * @throws UsageError
 */
export function readArguments(argv: readonly string[], defaultPack: string): Arguments {
  const { values, positionals } = parse(argv);
  if (positionals.length === 0) throw new UsageError('Name at least one photo or folder.');
  if (!values.output) throw new UsageError('Say where the result goes: -o <file or folder>.');
  const task = z.union([taskId, z.literal('auto')]).safeParse(values.task);
  if (!task.success) throw new UsageError(`--task must be one of ${TASK_IDS.join(', ')}, auto.`);
  const provider = values.ep ?? 'wasm';
  if (!isProvider(provider)) throw new UsageError(`--ep must be one of ${PROVIDERS.join(', ')}.`);
  const steps = whole('steps', values.steps, 1);
  const tile = whole('tile', values.tile, 16);
  const threads = whole('threads', values.threads, 1);
  const referenceId = number('reference-id', values['reference-id'], REFERENCE_IDS);
  const guidanceEmbed = number('guidance-embed', values['guidance-embed'], GUIDANCE_EMBED);
  const guidanceScale = number('guidance-scale', values['guidance-scale'], GUIDANCE_SCALE);
  const firstBlockCache = number('first-block-cache', values['first-block-cache'], CACHE_SHARE);
  const skipUncond = number('skip-uncond', values['skip-uncond'], CACHE_SHARE);
  const posterior = oneOf('posterior', values.posterior, POSTERIORS);
  const inside = values['ranges-inside'] ?? false;
  if (inside && values.ranges === undefined) throw new UsageError('--ranges-inside needs --ranges FILE.');
  const seen = oneOf('seen', values.seen, SEEN);
  const promptLanguage = oneOf('prompt-language', values['prompt-language'], LANGUAGES);
  return {
    inputs: positionals,
    output: values.output,
    task: task.data,
    pack: values.pack ?? defaultPack,
    provider,
    seed: whole('seed', values.seed, 0) ?? 42,
    ditOff: values['dit-off'] ?? false,
    rangesInside: inside,
    ...(values.ranges !== undefined && { ranges: values.ranges }),
    ...(steps !== undefined && { steps }),
    ...(tile !== undefined && { tile }),
    ...(threads !== undefined && { threads }),
    ...(referenceId !== undefined && { referenceId }),
    ...(guidanceEmbed !== undefined && { guidanceEmbed }),
    ...(guidanceScale !== undefined && { guidanceScale }),
    ...(firstBlockCache !== undefined && { firstBlockCache }),
    ...(skipUncond !== undefined && { skipUncond }),
    ...(posterior !== undefined && { posterior }),
    ...(seen !== undefined && { seen }),
    ...(promptLanguage !== undefined && { promptLanguage }),
    ...(values.prompt !== undefined && { prompt: values.prompt }),
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        output: { type: 'string', short: 'o' },
        task: { type: 'string' },
        pack: { type: 'string' },
        ep: { type: 'string' },
        steps: { type: 'string' },
        seed: { type: 'string' },
        tile: { type: 'string' },
        threads: { type: 'string' },
        'reference-id': { type: 'string' },
        'guidance-embed': { type: 'string' },
        'guidance-scale': { type: 'string' },
        'first-block-cache': { type: 'string' },
        'skip-uncond': { type: 'string' },
        posterior: { type: 'string' },
        seen: { type: 'string' },
        'prompt-language': { type: 'string' },
        prompt: { type: 'string' },
        ranges: { type: 'string' },
        'ranges-inside': { type: 'boolean' },
        'dit-off': { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function number(name: string, text: string | undefined, allowed: Range): number | undefined {
  if (text === undefined) return undefined;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!allowed.holds(value)) throw new UsageError(`--${name} must be ${allowed}, not "${text}".`);
  return value;
}

function oneOf<T extends string>(name: string, text: string | undefined, allowed: readonly T[]): T | undefined {
  const found = allowed.find((value) => value === text);
  if (text !== undefined && found === undefined) {
    throw new UsageError(`--${name} must be ${allowed.join(' or ')}, not "${text}".`);
  }
  return found;
}

function whole(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`--${name} must be a whole number from ${least}, not "${text}".`);
  }
  return value;
}
